"""Decisions recorded before the words changed (enrolment, standing, refusal, place): read, and verified to the byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from leadgen.explanation.domain import verification
from leadgen.explanation.domain.verification import Comparison
from leadgen.kernel.trace import plain
from leadgen.routing.domain import inputs as routing_inputs
from leadgen.validation.domain.screening import RecordedVerdict

RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "records" / "old_decisions.json").read_text(encoding="utf-8")
)
ROUTED = [record for record in RECORDS if record["stage"] == "routing"]


def named(record: dict[str, Any]) -> str:
    return f"{record['stage']} {record['outcome']} {record['reason']}"


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_record_of_before_gives_the_same_bytes(record: dict[str, Any]) -> None:
    recorded = RecordedVerdict(record["outcome"], record["reason"], record["trace"])
    assert verification.compare(record["stage"], json.dumps(record["inputs"]), recorded) == Comparison("same")


def test_the_records_are_in_the_old_words() -> None:
    written = json.dumps(ROUTED)
    for word in ('"enrolment"', '"standing"', '"place"', '"refused"', '"refusal"', '"rotations"', "not_refused"):
        assert word in written


@pytest.mark.parametrize("record", ROUTED, ids=named)
def test_kept_anew_it_is_in_the_words_of_now_and_gives_the_same(record: dict[str, Any]) -> None:
    read = routing_inputs.read_routing(json.dumps(record["inputs"]))
    anew = json.dumps(plain(read))
    for word in ('"enrolment"', '"standing"', '"place"', '"refused"', '"refusal"'):
        assert word not in anew
    assert routing_inputs.route(routing_inputs.read_routing(anew)) == routing_inputs.route(read)
