"""Payouts in a real database: every earning is paid once, whatever comes back and whoever runs at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.publishers import store as publishers_store
from leadgen.publishers.service import payouts
from leadgen.reconciliation import service as reconciliation_service
from tests.support.examples import examples
from tests.support.money.publishers import CORRUPTIONS, Published

JUNE, JULY, AUGUST, SEPTEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 8, 9))
IN_JUNE, IN_JULY = JUNE + timedelta(days=9), JULY + timedelta(days=9)
ANN = Actor("ann")


def pay(published: Published, payout_id: int | None, reference: str = "wire 1") -> payouts.Paid:
    with published.conn.transaction():
        return payouts.pay(published.conn, payout_id or 0, reference, ANN, now=JULY + timedelta(days=2))


def test_a_month_is_paid_after_it_closed_and_once(conn: Connection[Any]) -> None:
    home = Published(conn)
    leads = [home.earn(IN_JUNE), home.earn(IN_JUNE, "30.05")]
    home.earn(IN_JULY)
    assert home.issue(JULY - timedelta(seconds=1)) is None
    payout = home.issue(JULY)
    assert home.total(payout) == Decimal("7.51")  # 4.50 and 3.005, each rounded by itself
    assert home.issue(JULY) is None
    assert home.issue(AUGUST - timedelta(seconds=1)) is None
    assert home.total(home.issue(AUGUST)) == Decimal("4.50")
    lines = publishers_store.payout_lines(conn, payout or 0)
    assert [(line.lead_id, line.price, line.amount) for line in lines] == [
        (leads[0], Decimal("45.00"), Decimal("4.50")),
        (leads[1], Decimal("30.05"), Decimal("3.01")),
    ]
    numbered = [
        (row.number, row.status, row.period_start, row.period_end) for row in publishers_store.payouts(conn, limit=9)
    ]
    assert numbered == [("PO-000002", "issued", JULY, AUGUST), ("PO-000001", "issued", JUNE, JULY)]
    assert home.payable == Decimal("12.01")  # until it is paid


def test_a_return_after_the_payout_appears_in_the_next_one(conn: Connection[Any]) -> None:
    home = Published(conn)
    lead = home.earn(IN_JUNE, "100")
    pay(home, home.issue(JULY))
    home.take_back(lead, IN_JULY)
    home.earn(IN_JULY, "250")
    assert home.payable == Decimal("15.00")
    august = home.issue(AUGUST)
    assert home.total(august) == Decimal("15.00")
    assert [line.amount for line in publishers_store.payout_lines(conn, august or 0)] == [Decimal(-10), Decimal(25)]


def test_what_comes_to_less_than_nothing_is_carried_over(conn: Connection[Any]) -> None:
    home = Published(conn)
    lead = home.earn(IN_JUNE, "100")
    pay(home, home.issue(JULY))
    home.take_back(lead, IN_JULY)
    home.earn(IN_JULY, "60")
    assert home.issue(AUGUST) is None
    home.earn(AUGUST, "70")
    september = home.issue(SEPTEMBER)
    assert home.total(september) == home.payable == Decimal("3.00")
    found = publishers_store.payout(conn, september or 0)
    assert found is not None
    assert (found.earned, found.reversed, found.period_start) == (Decimal(13), Decimal(10), JULY)


def test_what_was_posted_late_is_on_the_next_payout(conn: Connection[Any]) -> None:
    home = Published(conn)
    home.earn(IN_JUNE)
    home.issue(JULY)
    home.earn(IN_JUNE)  # billed when the month had been paid
    assert home.total(home.issue(AUGUST)) == Decimal("4.50")


def test_paying_posts_once_with_its_reference_and_is_audited(conn: Connection[Any]) -> None:
    home = Published(conn)
    home.earn(IN_JUNE, "100")
    payout = home.issue(JULY)
    first = pay(home, payout, " wire 1 ")
    assert (first.payout.status, first.payout.reference, first.payout.paid_by, first.is_repeated) == (
        "paid", "wire 1", "ann", False,
    )  # fmt: skip
    assert pay(home, payout).is_repeated
    assert home.payable == 0
    posted = conn.execute(
        "SELECT idempotency_key, t.kind, note, actor, debit, credit, amount FROM ledger_transactions t"
        " JOIN ledger_entries e ON e.transaction_id = t.id WHERE t.kind = 'payout'"
    ).fetchall()
    assert posted == [(f"payout:{payout}", "payout", "wire 1", "ann", "publisher_payable", "cash", Decimal("10.00"))]
    audited = conn.execute("SELECT action, resource_id, after_state->>'reference' FROM audit_logs").fetchall()
    assert audited == [("payout.paid", payout, "wire 1")]


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ("wire 2", 409, "payout_differs"), ("", 400, "invalid_reference"), ("two\nlines", 400, "invalid_reference"),
        ("x" * 201, 400, "invalid_reference"), (None, 400, "invalid_reference"), ("\0", 400, "invalid_reference"),
    ],
    ids=["another", "none", "lines", "long", "null", "nul"],
)  # fmt: skip
def test_a_payout_paid_otherwise_or_without_a_reference_is_refused(
    conn: Connection[Any], reference: Any, status: int, code: str
) -> None:
    home = Published(conn)
    home.earn(IN_JUNE)
    payout = home.issue(JULY)
    pay(home, payout)
    before = conn.execute("SELECT count(*) FROM ledger_transactions").fetchone()
    with pytest.raises(Refusal) as refusal:
        pay(home, payout, reference)
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert conn.execute("SELECT count(*) FROM ledger_transactions").fetchone() == before


def test_a_payout_that_is_not_there_is_not_found(conn: Connection[Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        payouts.statement(conn, 10**18)
    assert (refusal.value.status, refusal.value.code) == (404, "not_found")


def test_what_is_issued_never_changes(conn: Connection[Any]) -> None:
    home = Published(conn)
    home.earn(IN_JUNE)
    payout = home.issue(JULY)
    for statement in (
        "UPDATE payouts SET total = 1, earned = 1",
        "UPDATE payouts SET status = 'paid', paid_at = now(), paid_by = 'x', reference = 'x', actor = 'x'",
        "DELETE FROM payouts",
        "TRUNCATE payouts CASCADE",
        "UPDATE payout_lines SET amount = 1",
        "DELETE FROM payout_lines",
        "TRUNCATE payout_lines",
        "UPDATE publishers SET currency = 'EUR'",
    ):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            conn.execute(statement.encode())
    home.earn(IN_JULY)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="add up to its total"):
        conn.execute(
            "INSERT INTO payout_lines (transaction_id, payout_id, amount) SELECT max(id), %s, 4.50"
            " FROM ledger_transactions WHERE kind = 'lead_earned'",
            (payout,),
        )
    pay(home, payout)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        conn.execute("UPDATE payouts SET status = 'issued', paid_at = NULL, paid_by = NULL, reference = NULL")


def test_one_publisher_that_fails_does_not_hold_back_the_others(
    conn: Connection[Any],
) -> None:
    first, second = Published(conn, "Broken", timezone="UTC"), Published(conn, "Sound")
    for published in (first, second):
        published.earn(IN_JUNE)
    conn.execute("UPDATE publishers SET timezone = 'No/Where' WHERE name = 'Broken'")
    assert payouts.run(JULY) == {"payouts": 1, "payouts_failed": 1}
    assert [row.publisher for row in publishers_store.payouts(conn, limit=9)] == ["Sound"]
    assert payouts.run(JULY) == {"payouts": 0, "payouts_failed": 1}


def test_parallel_runs_put_no_transaction_on_two_payouts(conn: Connection[Any]) -> None:
    homes = [Published(conn, f"Publisher {number}") for number in range(4)]
    for home in homes:
        for _ in range(5):
            home.earn(IN_JUNE)
    barrier = Barrier(8)

    def work(_: int) -> dict[str, int]:
        barrier.wait()
        return payouts.run(JULY)

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(8)))
    assert [sum(one[key] for one in done) for key in ("payouts", "payouts_failed")] == [4, 0]
    assert sorted(row.number for row in publishers_store.payouts(conn, limit=9)) == [
        f"PO-00000{n}" for n in range(1, 5)
    ]
    assert conn.execute("SELECT count(*), count(DISTINCT transaction_id) FROM payout_lines").fetchone() == (20, 20)
    assert {
        home.total(row.payout_id) for home, row in zip(homes, publishers_store.payouts(conn, limit=9), strict=True)
    } == {Decimal("22.50")}


@pytest.mark.parametrize(("invariant", "corruption"), CORRUPTIONS)
def test_the_auditor_finds_what_is_amiss_with_payouts(conn: Connection[Any], invariant: str, corruption: str) -> None:
    home = Published(conn)
    home.earn(IN_JUNE, "100")
    pay(home, home.issue(JULY))
    assert _broken(conn) == set()
    conn.execute("SET session_replication_role = replica")
    conn.execute(corruption.encode())
    conn.execute("RESET session_replication_role")
    assert invariant in _broken(conn)


def _broken(conn: Connection[Any]) -> set[str]:
    return {one.name for one in reconciliation_service.audit(conn, now=IN_JUNE) if one.broken}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(1, 40_000)),
        st.tuples(st.just("back"), st.integers(0, 30)),
        st.tuples(st.just("month"), st.integers(1, 2)),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("pay"), st.integers(0, 5)),
    ),
    max_size=25,
)


@examples(short=12, long=80)
@given(STEPS)
def test_what_is_payable_is_always_what_was_earned_less_what_was_reversed_and_paid(
    conn: Connection[Any], steps: list[tuple[str, int]]
) -> None:
    with conn.transaction(force_rollback=True):
        home, now = Published(conn), IN_JUNE
        leads: list[int] = []
        earned = back = paid = Decimal(0)
        unpaid: list[int] = []
        for step, number in steps:
            now += timedelta(hours=1)
            match step:
                case "earn":
                    lead = home.earn(now, f"{number / 100:.2f}")
                    row = conn.execute(
                        "SELECT sum(amount) FROM ledger_postings WHERE lead_id = %s AND account = 'publisher_cost'",
                        (lead,),
                    ).fetchone()
                    if row is not None and row[0] is not None:  # a tenth of a few cents is nothing
                        earned += row[0]
                        leads.append(lead)
                case "back" if leads:
                    lead = leads.pop(number % len(leads))
                    before = home.payable
                    home.take_back(lead, now)
                    back += before - home.payable
                case "month":
                    now += timedelta(days=31 * number)
                case "run" if (payout := home.issue(now)) is not None:
                    unpaid.append(payout)
                case "pay" if unpaid:
                    payout = unpaid.pop(number % len(unpaid))
                    assert not pay(home, payout).is_repeated
                    paid += home.total(payout)
                case _:
                    continue
            assert home.payable == earned - back - paid
        _every_line_stands_once(conn, earned - back)


def _every_line_stands_once(conn: Connection[Any], total: Decimal) -> None:
    """On payouts or still unpaid, each once: together all that was earned and not reversed."""
    (publisher_id,) = conn.execute("SELECT id FROM publishers").fetchone() or (0,)
    open_ = publishers_store.unpaid(conn, publisher_id, before=datetime(2999, 1, 1, tzinfo=UTC))
    lined = conn.execute("SELECT coalesce(sum(amount), 0) FROM payout_lines").fetchone()
    totals = conn.execute(
        "SELECT coalesce(sum(total), 0), count(*), coalesce(max(sequence), 0) FROM payouts"
    ).fetchone()
    assert lined is not None
    assert totals is not None
    assert (totals[0], totals[1]) == (lined[0], totals[2])
    assert lined[0] + sum((one.amount for one in open_), Decimal(0)) == total
