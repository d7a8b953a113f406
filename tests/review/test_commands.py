"""What waits for a person, on the command line: the same verdicts as over HTTP."""

import json
import re
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from tests.support.factories import a_lead
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.deliveries import deliver, make_due
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent, waiting
from tests.support.stages.reviews import Market, delivery_row, lead_row

Capsys = pytest.CaptureFixture[str]


def run(capsys: Capsys, *arguments: object) -> tuple[int, str, str]:
    """A command's exit status, and what it said on both streams; held to 100 columns."""
    capsys.readouterr()
    status = cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert max(map(len, said.out.splitlines()), default=0) <= 100
    return status, said.out, said.err


def folded(said: str) -> str:
    return " ".join(said.split())


@pytest.fixture
def market(conn: Connection[Any], buyer_endpoint: BuyerEndpoint) -> Market:
    """Rocky Roofs and Lofty Lids, with a webhook each."""
    market = Market(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))
    for buyer, name in zip(market.buyers, ("Rocky Roofs", "Lofty Lids"), strict=True):
        conn.execute(
            "UPDATE buyers SET name = %s, email = %s WHERE id = %s", (name, f"{name[:5].lower()}@example.com", buyer)
        )
    return market


def test_with_nothing_waiting_it_says_so(conn: Connection[Any], capsys: Capsys) -> None:
    assert run(capsys, "review", "list") == (0, "Nothing waits for a person.\n", "")


def test_the_queue_is_a_table_of_deliveries_and_of_leads(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys
) -> None:
    lead, delivery = market.in_review(functions, "outcome_unknown", outcome_unknown=True)
    market.in_review(functions, "rejected", rejection="known \x1b[31mhere")
    held = a_lead(conn, market.source, in_review_since="2026-06-17T11:00:00Z", review_reason="fraud_score",
                  review_detail="70 (x 70)")  # fmt: skip
    status, said, _ = run(capsys, "review", "list")
    assert status == cli.DONE
    rows = re.findall(r"^([0-9a-f]{8}) +(\d+)", said, re.MULTILINE)
    assert rows[0] == (delivery[:8], str(lead))
    assert len(rows) == 2
    assert "Rocky" in said
    assert "the buyer may have the" in folded(said)
    assert '("known �[31mhere")' in folded(said)
    assert f"{held} Roofs 2026-06-17 11:00 received fraud_score: 70 (x 70)" in folded(said)
    assert "Sentinel" not in said


def test_one_delivery_is_told_with_every_attempt_and_what_may_be_said(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint, capsys: Capsys
) -> None:
    buyer_endpoint.statuses = [500, 503, 500]
    conn.execute("UPDATE buyers SET email_notifications = false")
    lead = market.lead(functions)
    for _ in range(3):
        deliver(functions, lead)
        make_due(conn)
        conn.execute("UPDATE endpoints SET state = 'closed', failures = 0, open_until = NULL")
    ((delivery,),) = conn.execute("SELECT id::text FROM deliveries").fetchall()
    for written in (delivery, delivery[:8], delivery[:9].upper()):
        status, said, _ = run(capsys, "review", "show", written)
        assert status == cli.DONE
        assert f"Delivery {delivery} to Rocky Roofs" in said
        assert said.count("failed: the buyer does not have it (status 500)") == 2
        assert said.count("(status 503)") == 1
        assert said.endswith("Possible: redeliver, assign, return, reject, succeeded (`leadgen review --help`)\n")


def test_a_verdict_is_carried_out_announced_and_audited(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADGEN_ACTOR", "jo")
    lead, delivery = market.in_review(functions, "outcome_unknown", outcome_unknown=True)
    status, said, _ = run(
        capsys, "review", "assign", delivery[:8], "--buyer", "lofty@example.com", "--reason", "by telephone"
    )
    assert status == cli.DONE
    assert folded(said).startswith(f"Lead {lead} is withdrawn from Rocky Roofs")
    assert "may have received it all the same" in said
    assert lead_row(conn, lead)[3] == market.buyers[1]
    assert ("lead.validated", lead) in sent(conn, "route")
    ((before, after, agent),) = conn.execute(
        "SELECT before_state, after_state, user_agent FROM audit_logs"
    ).fetchall()  # fmt: skip
    assert (before["reason"], after["by"], after["reason"]) == ("outcome_unknown", "jo", "by telephone")
    assert agent.startswith("leadgen/")
    again = run(capsys, "review", "assign", delivery[:8], "--buyer", market.buyers[1])
    assert again[0] == cli.DONE
    assert "nothing is done" in again[1]
    assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (1,)


@pytest.mark.parametrize(
    ("verdict", "status", "words"),
    [
        ("redeliver", "pending", "is being sent to Rocky Roofs"),
        ("return", "released", "routed to the other buyers"),
        ("reject", "released", "is rejected: no buyer gets it"),
        ("succeeded", "succeeded", "it is billed"),
    ],
)
def test_each_verdict_says_what_it_did(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys, verdict: str, status: str, words: str
) -> None:
    _, delivery = market.in_review(functions)
    done, said, _ = run(capsys, "review", verdict, delivery)
    assert (done, delivery_row(conn, delivery)[0]) == (cli.DONE, status)
    assert words in folded(said)


def test_the_verdict_of_before_is_understood_and_named(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys
) -> None:
    _, delivery = market.in_review(functions)
    done, said, err = run(capsys, "review", delivery, "taken")
    assert (done, delivery_row(conn, delivery)[0]) == (cli.DONE, "succeeded")
    assert "it is billed" in folded(said)
    assert "is now 'leadgen review succeeded'" in err


@pytest.mark.parametrize(
    ("arguments", "ends", "words"),
    [
        (["sell"], cli.MISUSED, "there is no command 'leadgen review sell'"),
        (["assign"], cli.MISUSED, "the following arguments are required: --buyer"),
        (["return", "--buyer", "1"], cli.MISUSED, "unrecognized arguments: --buyer 1"),
        (["assign", "--buyer", "nobody@example.com"], cli.FAILED, "there is no buyer nobody@example.com"),
        (["assign", "--buyer", "rocky@example.com"], cli.FAILED, "the verdict is redeliver"),
        (["reject", "--reason", "x" * 501], cli.FAILED, "reason"),
    ],
)
def test_what_cannot_be_carried_out_is_told_and_changes_nothing(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys, arguments: list[str], ends: int,
    words: str,
) -> None:  # fmt: skip
    _, delivery = market.in_review(functions)
    verdict, *options = arguments
    status, said, error = run(capsys, "review", verdict, delivery, *options)
    assert (status, said) == (ends, "")
    assert words in error
    assert delivery_row(conn, delivery)[0] == "in_review"


def test_an_id_that_fits_none_or_several_is_told(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys
) -> None:
    for number in (1, 2):
        _, delivery = market.in_review(functions)
        conn.execute(
            "UPDATE deliveries SET id = %s WHERE id = %s",
            (f"aaaaaaaa-0000-0000-0000-00000000000{number}", delivery),
        )
    for written, words in [
        ("aaaaaaaa", "several deliveries' ids begin with aaaaaaaa"),
        ("bbbb", "there is no delivery bbbb"),
        ("17", "'17' is no delivery's id"),
        ("a" * 33, "is no delivery's id"),
        ("%' OR", "is no delivery's id"),
    ]:
        status, _, error = run(capsys, "review", "show", written)
        assert status == cli.FAILED
        assert words in error


def test_a_lead_in_review_is_decided_too(
    conn: Connection[Any], functions: Functions, market: Market, capsys: Capsys
) -> None:
    held = {"in_review_since": "2026-06-17T11:00:00Z", "review_reason": "fraud_score"}
    released, rejected = (a_lead(conn, market.source, **held) for _ in range(2))
    assert run(capsys, "review", "release", released)[:2] == (0, f"Lead {released} goes on.\n")
    assert run(capsys, "review", "reject", "--lead", rejected, "--reason", "x")[:2] == (
        0, f"Lead {rejected} is rejected.\n",
    )  # fmt: skip
    assert [lead_row(conn, lead)[0] for lead in (released, rejected)] == ["received", "rejected"]
    assert ("lead.received", released) in sent(conn, "validate")
    for arguments, ends in (
        (("release", released), cli.FAILED),
        (("succeeded", "--lead", released), cli.MISUSED),
        (("--lead", released), cli.MISUSED),
        (("reject", "--lead", released, "reject"), cli.MISUSED),
    ):
        status, _, error = run(capsys, "review", *arguments)
        assert (status, bool(error)) == (ends, True)
    assert "there is no lead 999" in run(capsys, "review", "release", "999")[2]


def test_an_explanation_ends_with_the_lead_s_deliveries(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint, capsys: Capsys,
    environment: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    environment.setenv("WEBHOOK_TIMEOUT_SECONDS", "0.2")
    buyer_endpoint.gate.clear()
    lead = market.lead(functions)
    deliver(functions, lead)
    buyer_endpoint.gate.set()
    conn.execute(
        "UPDATE deliveries SET status = 'in_review', review_reason = 'unknown', next_attempt_at = NULL,"
        " settled_at = now()"
    )
    ((delivery,),) = conn.execute("SELECT id::text FROM deliveries").fetchall()
    run(capsys, "review", "return", delivery)
    functions.drain()
    status, said, _ = run(capsys, "explain", lead)
    assert status == cli.DONE
    words = folded(said)
    assert f"Delivery {delivery} to Rocky Roofs ({market.buyers[0]}): released: a person took it back" in words
    assert "unknown: it was sent, and no answer shows the outcome: the buyer may have the" in words
    assert "Outcome unknown: the buyer may have received an earlier attempt." in said
    assert f"to Lofty Lids ({market.buyers[1]}): succeeded: the buyer has the lead" in words
    assert words.index("Routing") < words.index(f"Delivery {delivery}") < words.rindex("to Lofty Lids (")
    only = run(capsys, "explain", lead, "--buyer", market.buyers[1])[1]
    assert "a person took it back" not in folded(only)
    assert "Sentinel" not in said
    assert cli.main(["explain", str(lead), "--json"]) == cli.DONE
    told_as_json = json.loads(capsys.readouterr().out)
    assert [one["status"] for one in told_as_json["deliveries"]] == ["released", "succeeded"]


def test_a_redelivery_from_the_command_line_wakes_the_deliver_stage(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint, capsys: Capsys
) -> None:
    lead, delivery = market.in_review(functions)
    before = len(waiting(conn, "deliver"))
    run(capsys, "review", "redeliver", delivery)
    assert [message["event"] for message in waiting(conn, "deliver")[before:]] == ["delivery.due"]
    functions.drain()
    assert conn.execute("SELECT billing_status::text FROM leads WHERE id = %s", (lead,)).fetchone() == ("billed",)
