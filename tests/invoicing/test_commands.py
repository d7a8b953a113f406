"""``leadgen invoice``: what it shows, what it does, and that a dry run does nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.platform import clock
from tests.invoicing.test_invoice import HOUR, MONDAY
from tests.support.factories import a_buyer, an_offer
from tests.support.money.after_sale import pay
from tests.support.money.invoice_invariants import faults
from tests.support.money.sold_leads import a_billed_lead, an_invoice, everything, invoice, prepay
from tests.support.stages.messages import sent

Command = Callable[..., tuple[int, str, str]]
_TAXED = {"tax": {"rate": "10"}}


@pytest.fixture
def command(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    environment.setenv("LEADGEN_ACTOR", "ann")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["invoice", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def now() -> datetime:
    return clock.now()


def two_that_are_due(conn: Connection[Any], offer: int) -> None:
    taxed = a_buyer(conn, name="Taxed", billing=_TAXED)
    for hours in (2, 1):
        a_billed_lead(conn, offer, taxed, MONDAY - hours * HOUR)
    prepay(conn, taxed, "50.00", MONDAY)
    a_billed_lead(conn, an_offer(conn, name="Leads"), a_buyer(conn, name="Careful", billing={"approval": True}),
                  MONDAY - HOUR, "30.00")  # fmt: skip


def test_a_dry_run_shows_what_a_run_would_write_and_changes_nothing(
    conn: Connection[Any], offer: int, command: Command
) -> None:
    two_that_are_due(conn, offer)
    conn.execute("UPDATE offers SET name = 'Roofs' WHERE id = %s", (offer,))
    before = everything(conn)
    status, said, _ = command("run", "--dry-run", "--at", MONDAY.isoformat())
    assert status == cli.DONE
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines == [
        "INVOICE BUYER OFFER PERIOD IN LEADS SUBTOTAL TAX PREPAID DUE",
        "next Taxed (1) Roofs 2026-06-14 – 06-14 USD 2 90.00 9.00 50.00 49.00",
        "draft Careful (2) Leads 2026-06-14 – 06-14 USD 1 30.00 0.00 0.00 30.00",
        "1 would be issued; 1 would be drafted, for approval. Nothing is changed.",
    ]
    assert everything(conn) == before
    assert sent(conn, "notify") == []


def test_a_dry_run_looks_ahead_and_a_run_does_not(conn: Connection[Any], offer: int, command: Command) -> None:
    a_billed_lead(conn, offer, a_buyer(conn), clock.now())
    ahead = (clock.now() + timedelta(days=8)).isoformat()
    assert "1 would be issued" in command("run", "--dry-run", "--at", ahead)[1]
    status, _, said = command("run", "--at", ahead)
    assert (status, said) == (
        cli.FAILED, "--at lies ahead: what is issued bears its date, so only --dry-run looks ahead\n",
    )  # fmt: skip


def test_a_run_writes_and_tells_what_it_wrote(conn: Connection[Any], offer: int, command: Command) -> None:
    two_that_are_due(conn, offer)
    status, said, _ = command("run", "--at", MONDAY.isoformat())
    assert status == cli.DONE
    assert said.splitlines()[1].startswith("INV-000001")
    assert said.splitlines()[-1] == "1 issued; 1 drafted, for approval."
    assert sent(conn, "notify") == [("invoice.generated", None)]
    assert command("run", "--at", MONDAY.isoformat())[:2] == (cli.DONE, "Nothing is due an invoice.\n")
    assert faults(conn) == {}


def test_a_run_that_fails_for_a_buyer_says_so_and_the_list_says_why(
    conn: Connection[Any], offer: int, command: Command
) -> None:
    a_billed_lead(conn, offer, a_buyer(conn, billing={"tax": {"rate": "much"}}), MONDAY - HOUR)
    assert command("run", "--dry-run", "--at", MONDAY.isoformat())[0] == cli.FAILED
    assert "Buyers whose invoices fail" not in command("list")[1]
    status, said, _ = command("run", "--at", MONDAY.isoformat())
    assert (status, said) == (cli.FAILED, "0 issued; 1 buyer failed: see `leadgen invoice list`.\n")
    assert "tax.rate" in command("list")[1]


def test_the_list_filters_and_shows_promises(
    conn: Connection[Any], offer: int, command: Command, now: datetime
) -> None:
    buyer = a_buyer(conn, email="one@example.com")
    an_invoice(conn, offer, buyer, now)
    an_invoice(conn, offer, a_buyer(conn, email="two@example.com"), now)
    day = (now + timedelta(days=20)).date()
    assert command("promise", "INV-000001", "--until", day.isoformat())[1] == (
        f"The buyer promises to pay invoice INV-000001 by {day}: no reminder is sent until that day is\n  over.\n"
    )
    said = command("list", "--buyer", "one@example.com")[1]
    assert "promised" in said
    assert ("INV-000001" in said, "INV-000002" in said) == (True, False)
    assert "INV-000002" in command("list", "--status", "sent")[1]
    assert command("list", "--status", "draft")[1] == "There are no such invoices.\n"
    assert command("promise", "INV-000001", "--none")[1] == "The promise to pay invoice INV-000001 is removed.\n"
    assert command("list", "--buyer", "three@example.com")[0] == cli.FAILED


def test_one_invoice_is_shown_with_its_lines_settlements_and_figures(
    conn: Connection[Any], offer: int, command: Command, now: datetime
) -> None:
    buyer = a_buyer(conn, name="Taxed", billing=_TAXED)
    prepay(conn, buyer, "20.00", now)
    an_invoice(conn, offer, buyer, now)
    for named in ("INV-000001", "inv-000001", "1"):
        status, said, _ = command("show", named)
        assert status == cli.DONE
    assert f"Invoice INV-000001 (1) to Taxed ({buyer}): sent" in said
    assert "subtotal 45.00 USD, tax 4.50 USD, total 49.50 USD, prepaid 20.00 USD, due 29.50 USD" in said
    assert "wallet" in said
    pay(conn, buyer, "9.50", now, invoice=1)
    shown = [" ".join(line.split()) for line in command("show", "INV-000001")[1].splitlines()]
    assert shown[-3].startswith("SETTLED (UTC) BY WHICH AMOUNT")
    assert shown[-1].endswith("payment 1 9.50 USD")


def test_drafts_are_approved_and_cancelled_once(
    conn: Connection[Any], offer: int, command: Command, now: datetime
) -> None:
    buyer = a_buyer(conn, billing={"approval": True})
    a_billed_lead(conn, offer, buyer, now)
    (one,) = invoice(conn, buyer, now)
    a_billed_lead(conn, an_offer(conn), buyer, now)
    (two,) = invoice(conn, buyer, now)
    assert command("approve", str(one))[1] == "Invoice INV-000001 is issued: sent, 45.00 USD due.\n"
    assert command("approve", str(one))[1] == "Nothing is done: it is already sent, 45.00 USD due.\n"
    assert command("cancel", str(two), "--reason", "twice")[1] == (
        f"Draft {two} is cancelled: its leads go on the next invoice.\n"
    )
    assert command("approve", str(two))[0] == cli.FAILED
    assert sent(conn, "notify") == [("invoice.generated", None)]
    assert [row[0] for row in conn.execute("SELECT after_state->>'by' FROM audit_logs")] == ["ann", "ann"]
    assert faults(conn) == {}


@pytest.mark.parametrize(
    "arguments", [("show", "INV-9"), ("approve", "17"), ("cancel", "x"), ("promise", "5", "--none")]
)
def test_an_invoice_that_does_not_exist_is_named(
    conn: Connection[Any], command: Command, arguments: tuple[str, ...]
) -> None:
    status, _, said = command(*arguments)
    assert (status, said) == (
        cli.FAILED,
        f"there is no invoice {arguments[1]}: name one by its number, such as INV-000012, or its id\n",
    )
