"""The invoice schedule: what is billed is invoiced when its cycle closes, once, whoever runs it and however late."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.routing.store import candidates
from leadgen.validation.store import screening
from tests.support.factories import a_buyer, an_offer
from tests.support.money.invoice_invariants import faults
from tests.support.money.sold_leads import a_billed_lead
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent, waiting

MONDAY = datetime.fromisoformat("2026-06-15T06:00:00+00:00")  # 0:00 in Denver, the factories' market
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)


def run(functions: Functions, at: datetime) -> dict[str, int]:
    """What there was to do, of all that a run does."""
    done: dict[str, int] = functions.module("invoice").run(at)
    return {what: times for what, times in done.items() if times}


def on_invoices(conn: Connection[Any]) -> list[list[int]]:
    """The leads on each invoice, oldest invoice first."""
    return [
        row[0]
        for row in conn.execute(
            "SELECT array_agg(l.lead_id ORDER BY l.lead_id) FROM invoices i"
            " LEFT JOIN invoice_lines l ON l.invoice_id = i.id GROUP BY i.id ORDER BY i.id"
        )
    ]


@pytest.fixture
def closed_week(conn: Connection[Any], offer: int) -> tuple[int, list[int]]:
    """A buyer with two leads in the week before MONDAY and one in the week after it."""
    buyer = a_buyer(conn)
    days = (MONDAY - timedelta(days=6), MONDAY - timedelta(microseconds=1), MONDAY)
    return buyer, [a_billed_lead(conn, offer, buyer, at) for at in days]


def test_nothing_is_invoiced_before_the_close_and_all_of_the_week_at_it(
    conn: Connection[Any], functions: Functions, offer: int, closed_week: tuple[int, list[int]]
) -> None:
    buyer, leads = closed_week
    assert run(functions, MONDAY - timedelta(microseconds=1)) == {}
    assert run(functions, MONDAY) == {"issued": 1}
    assert on_invoices(conn) == [leads[:2]]
    row = conn.execute(
        "SELECT invoice_number, buyer_id, offer_id, period_start, period_end, due_date, amount_due::text FROM invoices"
    ).fetchone()
    assert row == (
        "INV-000001", buyer, offer, MONDAY - timedelta(days=6), MONDAY, MONDAY + timedelta(days=14), "90.00",
    )  # fmt: skip
    (message,) = waiting(conn, "notify")
    assert (message["event"], message["buyer_id"]) == ("invoice.generated", buyer)


def test_edge_7_running_twice_invoices_once(
    conn: Connection[Any], functions: Functions, closed_week: tuple[int, list[int]]
) -> None:
    assert run(functions, MONDAY + HOUR)["issued"] == 1
    assert run(functions, MONDAY + HOUR) == {}
    assert run(functions, MONDAY + 2 * HOUR) == {}
    assert run(functions, MONDAY + WEEK)["issued"] == 1
    assert on_invoices(conn) == [closed_week[1][:2], closed_week[1][2:]]
    assert sent(conn, "notify") == [("invoice.generated", None)] * 2


def test_edge_7_many_runs_at_once_invoice_once(conn: Connection[Any], functions: Functions, offer: int) -> None:
    leads = [
        a_billed_lead(conn, offer, buyer, MONDAY - n * HOUR) for buyer in (a_buyer(conn), a_buyer(conn)) for n in (1, 2)
    ]
    barrier = threading.Barrier(4)

    def work() -> dict[str, int]:
        barrier.wait()
        return run(functions, MONDAY)

    with ThreadPoolExecutor(4) as pool:
        runs = [future.result() for future in [pool.submit(work) for _ in range(4)]]
    assert (sum(done.get("issued", 0) for done in runs), sum(done.get("failed", 0) for done in runs)) == (2, 0)
    assert sorted(on_invoices(conn)) == [leads[:2], leads[2:]]
    assert conn.execute("SELECT array_agg(invoice_number ORDER BY id) FROM invoices").fetchone() == (
        ["INV-000001", "INV-000002"],
    )
    assert faults(conn) == {}


def test_edge_7_a_run_that_is_weeks_late_takes_everything_up_to_the_last_close(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn)
    leads = [a_billed_lead(conn, offer, buyer, MONDAY - n * WEEK + HOUR) for n in (3, 2, 1, 0)]
    assert run(functions, MONDAY + 2 * HOUR)["issued"] == 1
    assert on_invoices(conn) == [leads[:3]]


def test_a_straggler_is_on_the_next_invoice(
    conn: Connection[Any], functions: Functions, offer: int, closed_week: tuple[int, list[int]]
) -> None:
    buyer, leads = closed_week
    run(functions, MONDAY)
    straggler = a_billed_lead(conn, offer, buyer, MONDAY - HOUR)  # delivered in time, billed after the invoice
    assert run(functions, MONDAY + HOUR) == {}
    run(functions, MONDAY + WEEK)
    assert on_invoices(conn) == [leads[:2], sorted([leads[2], straggler])]
    periods = conn.execute("SELECT period_start, period_end FROM invoices ORDER BY id").fetchall()
    assert periods[1] == (MONDAY, MONDAY + WEEK)


def test_offers_are_invoiced_apart(conn: Connection[Any], functions: Functions, offer: int) -> None:
    buyer = a_buyer(conn)
    one, two = (
        a_billed_lead(conn, offer, buyer, MONDAY - HOUR),
        a_billed_lead(conn, an_offer(conn), buyer, MONDAY - HOUR),
    )
    assert run(functions, MONDAY)["issued"] == 2
    assert sorted(on_invoices(conn)) == [[one], [two]]


@pytest.mark.parametrize(
    ("cycle", "closes"),
    [("monthly", "2026-07-01T06:00:00+00:00"), ("biweekly", "2026-06-22T06:00:00+00:00"),
     ("weekly", "2026-06-22T06:00:00+00:00")],
)  # fmt: skip
def test_each_buyer_has_its_own_cycle(
    conn: Connection[Any], functions: Functions, offer: int, cycle: str, closes: str
) -> None:
    close = datetime.fromisoformat(closes)
    a_billed_lead(conn, offer, a_buyer(conn, billing_cycle=cycle), MONDAY + HOUR)
    assert run(functions, close - timedelta(microseconds=1)) == {}
    assert run(functions, close)["issued"] == 1


def test_one_account_that_fails_holds_back_no_other_and_is_on_record_until_it_works(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    failing, fine = a_buyer(conn), a_buyer(conn)
    a_billed_lead(conn, offer, failing, MONDAY - HOUR, price="99.00")
    lead = a_billed_lead(conn, offer, fine, MONDAY - HOUR)
    conn.execute("ALTER TABLE invoices ADD CONSTRAINT poison CHECK (total_amount <> 99)")
    assert run(functions, MONDAY) == {"issued": 1, "failed": 1}
    assert run(functions, MONDAY + HOUR) == {"failed": 1}
    assert on_invoices(conn) == [[lead]]
    ((buyer, at, times, error),) = conn.execute("SELECT * FROM invoicing_failures").fetchall()
    assert (buyer, at, times) == (failing, MONDAY + HOUR, 2)
    assert error == 'new row for relation "invoices" violates check constraint "poison"'
    conn.execute("ALTER TABLE invoices DROP CONSTRAINT poison")
    assert run(functions, MONDAY) == {"issued": 1}
    assert conn.execute("SELECT * FROM invoicing_failures").fetchall() == []
    assert conn.execute("SELECT array_agg(invoice_number ORDER BY id) FROM invoices").fetchone() == (
        ["INV-000001", "INV-000002"],
    )


def test_terms_that_do_not_parse_are_a_failure_that_says_so(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn, billing={"tax": {"rate": "much"}})
    a_billed_lead(conn, offer, buyer, MONDAY - HOUR)
    assert run(functions, MONDAY) == {"failed": 1}
    ((error,),) = conn.execute("SELECT error FROM invoicing_failures").fetchall()
    assert error.startswith(f"the billing terms of buyer {buyer}: tax.rate: ")
    conn.execute("DELETE FROM uninvoiced_leads")  # nothing is due any more: nothing fails
    assert run(functions, MONDAY) == {}
    assert conn.execute("SELECT * FROM invoicing_failures").fetchall() == []


def test_a_run_whose_time_is_over_leaves_the_rest_to_the_next(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    for _ in range(3):
        a_billed_lead(conn, offer, a_buyer(conn), MONDAY - HOUR)
    minutes = iter([True, False])
    done = functions.module("invoice").run(MONDAY, lambda: next(minutes))
    assert (done["issued"], done["left"]) == (1, 2)
    assert run(functions, MONDAY) == {"issued": 2}


def test_lambda_s_own_clock_ends_a_run_in_time(conn: Connection[Any], functions: Functions, offer: int) -> None:
    a_billed_lead(conn, offer, a_buyer(conn), MONDAY - HOUR)

    class Context:
        milliseconds = 29_000

        def get_remaining_time_in_millis(self) -> int:
            return self.milliseconds

    context = Context()
    assert functions.module("invoice").handler({}, context)["left"] == 1
    context.milliseconds = 31_000
    assert functions.module("invoice").handler({}, context)["issued"] == 1


def test_a_buyer_that_approves_its_invoices_has_drafts_without_numbers(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    a_billed_lead(conn, offer, a_buyer(conn, billing={"approval": True}), MONDAY - HOUR)
    assert run(functions, MONDAY) == {"drafted": 1}
    assert run(functions, MONDAY + HOUR) == {}
    assert conn.execute("SELECT status::text, invoice_number FROM invoices").fetchall() == [("draft", None)]
    assert sent(conn, "notify") == []


def test_the_handler_runs_without_looking_at_its_event(functions: Functions) -> None:
    assert set(functions.module("invoice").handler({}, None).values()) == {0}


def test_a_run_never_waits_for_a_stage_that_a_repeated_message_named_its_lead_to(
    conn: Connection[Any], database_url: str, functions: Functions, offer: int, closed_week: tuple[int, list[int]]
) -> None:
    _, leads = closed_week
    with psycopg.connect(database_url) as stage:
        # A message that names a billed lead beside one that waits must not hold what an invoice needs.
        assert candidates.lock_validated(stage, leads) == []
        assert screening.lock_received(stage, leads) == []
        conn.execute("SELECT id FROM leads FOR NO KEY UPDATE NOWAIT")
