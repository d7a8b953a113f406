"""The glossary has every state that the code and the tables know, and nothing that they do not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from leadgen.delivery.domain import verdicts
from leadgen.delivery.domain.steps import ReviewReason
from leadgen.kernel.events import WAKE_UPS, Topic
from leadgen.leads.domain.lead import LeadStatus
from leadgen.outbound.domain import breaker, outcomes
from leadgen.receivables.domain import settlement
from leadgen.routing.domain.decision import NoBuyerReason

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
SCHEMA = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")
CODE: dict[str, set[str]] = {
    "leads.status": set(get_args(LeadStatus)),
    "leads.unrouted_reason": set(get_args(NoBuyerReason)),
    "deliveries.review_reason": set(get_args(ReviewReason)),
    "deliveries.verdict": set(verdicts.NAMES),
    "delivery_attempts.outcome": set(get_args(outcomes.Name)),
    "notice_attempts.outcome": set(get_args(outcomes.Name)),
    "endpoints.state": set(get_args(breaker.State)),
    "invoices.status": set(get_args(settlement.Status)),
    "invoice_disputes.outcome": set(get_args(settlement.DisputeOutcome)),
    "lifecycle_events.event": {topic.value for topic in Topic if topic not in WAKE_UPS},
}


def glossary() -> dict[str, set[str]]:
    """The values by the columns that hold them."""
    table = PAGE[PAGE.index("| state of |") :]
    rows = [[re.findall(r"`([\w.]+)`", cell) for cell in line.split("|")[1:3]] for line in table.splitlines()[2:]]
    return {column: set(values) for columns, values in rows for column in columns}


def in_the_schema() -> Iterator[tuple[str, set[str]]]:
    """The columns of states, outcomes and verdicts, and the values that the tables allow them."""
    checks = r"CONSTRAINT \w+ CHECK \(\(\((status|outcome|state|verdict)\)::text = ANY \(\(ARRAY\[(.*?)\]"
    enums = dict(re.findall(r"^CREATE TYPE public\.(\w+) AS ENUM \((.*?)\);", SCHEMA, re.MULTILINE | re.DOTALL))
    for table, columns in re.findall(r"^CREATE TABLE public\.(\w+) \((.*?)^\);", SCHEMA, re.MULTILINE | re.DOTALL):
        for column, values in re.findall(checks, columns):
            yield f"{table}.{column}", set(re.findall(r"'(\w+)'", values))
        for column, enum in re.findall(r"^    (\w+) public\.(\w+_status)\b", columns, re.MULTILINE):
            yield f"{table}.{column}", set(re.findall(r"'(\w+)'", enums[enum]))


def test_every_state_of_the_tables_is_in_the_glossary_and_no_other() -> None:
    found = dict(in_the_schema())
    assert len(found) > 15
    shown = glossary()
    assert {column: shown.get(column) for column in found} == found


def test_every_state_of_the_code_is_in_the_glossary_and_no_other() -> None:
    shown = glossary()
    assert {column: shown.get(column) for column in CODE} == CODE
    assert shown.keys() == CODE.keys() | dict(in_the_schema()).keys()


def test_every_name_in_the_glossary_exists() -> None:
    properties = json.loads((ROOT / "docs" / "configuration.schema.json").read_text(encoding="utf-8"))
    known = {value for values in glossary().values() for value in values}
    known |= set(re.findall(r"\w+", SCHEMA)) | set(re.findall(r"\w+", json.dumps(properties)))
    words = PAGE[: PAGE.index("| state of |")]
    assert {name for name in re.findall(r"`([^`]+)`", words) if name not in known} == set()


def test_it_is_a_page_of_forty_lines() -> None:
    assert len(PAGE.splitlines()) <= 40
