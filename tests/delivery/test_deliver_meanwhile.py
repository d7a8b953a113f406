"""What a delivery rests on changes meanwhile, and keeping an answer fails: nothing is lost, nobody waits for ever."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_enrollment, an_offer
from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.stages.deliveries import LONG_AGO, a_routed_lead, attempts, deliver, make_due, state
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.reviews import NOTHING, Market

REFUSES = {"answer": {"type": "json", "rejected_when": [{"path": "result", "equals": "no"}]}}


@contextmanager
def read_and_not_yet_claimed(
    conn: Connection[Any], functions: Functions, database_url: str, lead: int
) -> Iterator[Callable[[], list[str]]]:
    """A worker that has read the lead's delivery and waits for its endpoint; call it to let it go on."""
    with psycopg.connect(database_url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("SELECT 1 FROM endpoints FOR UPDATE")
        running = pool.submit(deliver, functions, lead)
        while not conn.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert not running.done(), running.result()

        def go_on() -> list[str]:
            holder.rollback()
            return running.result()

        try:
            yield go_on
        finally:
            holder.rollback()


def an_endpoint(conn: Connection[Any], owner: str, url: str) -> None:
    conn.execute("INSERT INTO endpoints (owner, url) VALUES (%s, %s)", (owner, url))


@pytest.mark.parametrize("change", ["webhook_url = NULL", "email_notifications = false"])
def test_a_buyer_that_is_changed_while_its_delivery_is_claimed_is_called_as_it_was(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox, database_url: str,
    change: str,
) -> None:  # fmt: skip
    url = buyer_endpoint.url() if change.startswith("webhook") else None
    lead = a_routed_lead(conn, webhook_url=url)
    ((buyer,),) = conn.execute("SELECT id FROM buyers").fetchall()
    an_endpoint(conn, *((f"buyer:{buyer}", url) if url else ("operator", "mail:")))
    with read_and_not_yet_claimed(conn, functions, database_url, lead) as go_on:
        conn.execute(f"UPDATE buyers SET {change}".encode())
        assert go_on() == ["delivered"]
    assert len(buyer_endpoint.received) + len(mailbox.mails) == 1


def test_what_another_worker_has_changed_meanwhile_is_not_done_as_it_was_read(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, database_url: str
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    ((buyer,),) = conn.execute("SELECT id FROM buyers").fetchall()
    an_endpoint(conn, f"buyer:{buyer}", buyer_endpoint.url())
    with read_and_not_yet_claimed(conn, functions, database_url, lead) as go_on:
        conn.execute("UPDATE deliveries SET channel = 'email', attempts = 1, uncounted = 1")  # after a 410
        assert go_on() == ["nothing_due"]
    assert buyer_endpoint.received == []
    assert state(conn, lead) == ("pending", "email", 1, None, None)


def failing(conn: Connection[Any], when: str) -> None:
    """Let keeping an attempt fail where ``when`` says so."""
    conn.execute(
        f"""
        CREATE SEQUENCE kept;
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF {when} THEN RAISE 'no' USING ERRCODE = 'deadlock_detected'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER failing BEFORE INSERT ON delivery_attempts FOR EACH ROW EXECUTE FUNCTION fail();
        """.encode()
    )


def a_batch(conn: Connection[Any], endpoint: BuyerEndpoint, size: int) -> list[int]:
    """Routed leads of as many buyers of one offer."""
    offer = an_offer(conn)
    source = a_source(conn, offer)
    leads = []
    for number in range(size):
        buyer = a_buyer(conn, webhook_url=endpoint.url(f"/{number}"), pending_amount="45.00")
        an_enrollment(conn, buyer, offer)
        lead = a_lead(conn, source, status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
                      delivered_at=LONG_AGO)  # fmt: skip
        a_delivery(conn, lead, buyer)
        leads.append(lead)
    return leads


@pytest.mark.usefixtures("own_database_url")
def test_an_answer_is_kept_though_keeping_it_fails_at_first(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    failing(conn, "nextval('kept') = 1")
    assert deliver(functions, lead) == ["delivered"]
    assert state(conn, lead)[0] == "succeeded"


@pytest.mark.usefixtures("own_database_url")
def test_an_answer_that_cannot_be_kept_takes_none_of_the_others_with_it(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    leads = a_batch(conn, buyer_endpoint, 4)
    failing(conn, f"NEW.delivery_id = (SELECT id FROM deliveries WHERE lead_id = {leads[1]})")
    with pytest.raises(psycopg.Error):  # the messages come again
        deliver(functions, *leads)
    assert [state(conn, lead)[0] for lead in leads] == ["succeeded", "pending", "succeeded", "succeeded"]
    deliver(functions, *leads)
    assert ("delivery.due", leads[1]) in sent(conn, "deliver")  # when the claim is over
    assert len(buyer_endpoint.received) == 4


def test_a_buyer_that_says_yes_after_a_person_was_asked_has_the_lead(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(deliver, functions, lead)
        assert buyer_endpoint.arrived.wait(10)
        conn.execute(  # as other workers do after the first one's claim is over
            "UPDATE deliveries SET status = 'in_review', attempts = 3, next_attempt_at = NULL, claimed_until = NULL,"
            " review_reason = 'outcome_unknown', outcome_unknown = true, settled_at = now()"
        )
        buyer_endpoint.gate.set()
        assert late.result() == ["delivered"]
    assert state(conn, lead) == ("succeeded", "webhook", 3, None, None)
    functions.drain()
    assert conn.execute("SELECT balance::text, pending_amount::text FROM buyers").fetchone() == ("45.00", "0.00")


def test_what_a_claim_took_is_given_back_in_the_time_zone_it_was_counted_in(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.answer = b'{"result": "no"}'
    market = Market(conn, buyer_endpoint.url())
    conn.execute("UPDATE buyer_offers SET delivery = %s", (Jsonb(REFUSES),))
    before = market.lead(functions)
    conn.execute("UPDATE markets SET timezone = 'Asia/Kolkata'")
    after = market.lead(functions)
    assert deliver(functions, after, before) == ["rejected", "rejected"]
    claimed = conn.execute("SELECT DISTINCT claimed, amount::text FROM capacity_counters").fetchall()
    assert claimed == [(0, "0.00")]
    assert market.claimed(market.buyers[0])[0] == NOTHING[0]


def test_a_refusal_is_kept_though_the_claim_was_never_counted(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.answer = b'{"result": "no"}'
    market = Market(conn, buyer_endpoint.url())
    conn.execute("UPDATE buyer_offers SET delivery = %s", (Jsonb(REFUSES),))
    lead = market.lead(functions)
    conn.execute("UPDATE capacity_counters SET claimed = 0, amount = 0")
    assert deliver(functions, lead) == ["rejected"]


def test_a_lead_on_its_way_is_not_erased_and_an_erased_one_is_sent_to_nobody(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox, now: datetime
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    assert functions.module("retain").run(now.replace(year=2030))["leads_erased"] == 0
    assert conn.execute("SELECT name FROM leads").fetchone() == ("Zoë Sentinel",)
    conn.execute("UPDATE leads SET name = 'erased', erased_at = now()")
    assert deliver(functions, lead) == ["in_review"]
    assert (state(conn, lead)[3], buyer_endpoint.received, mailbox.mails) == ("erased", [], [])


def test_one_mailbox_that_puts_mail_off_holds_back_nobody_elses_mail(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox
) -> None:
    mailbox.putting_off = {"full@example.com"}
    full, lead = a_routed_lead(conn, email="full@example.com"), a_routed_lead(conn)
    for _ in range(3):
        assert deliver(functions, full) in (["retry"], ["in_review"])
        make_due(conn)
    assert [row[2:] for row in attempts(conn)] == [
        ("failed", None, "the mail server refused the recipient (450)")
    ] * 3  # fmt: skip
    assert conn.execute("SELECT state, failures FROM endpoints").fetchall() == [("closed", 0)]
    assert deliver(functions, lead) == ["delivered"]


def test_the_number_of_statements_does_not_depend_on_the_batch(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, statements: list[str]
) -> None:
    buyer_endpoint.answer = b"{}"
    buyer_endpoint.bodies = {f"/{number}": b'{"result": "no"}' for number in range(0, 10, 2)}
    claims, records = set(), set()
    for size in (2, 10):
        leads = a_batch(conn, buyer_endpoint, size)
        conn.execute("UPDATE buyer_offers SET delivery = %s", (Jsonb(REFUSES),))
        died = "UPDATE deliveries SET claimed_until = %s, attempts = 1 WHERE lead_id = ANY(%s)"
        conn.execute(died, (LONG_AGO, leads[1::2]))
        statements.clear()
        assert deliver(functions, *leads) == ["rejected", "delivered"] * (size // 2)
        claim, *recorded = "\n;".join(statements).split("COMMIT")[:-1]
        claims.add(claim.count("\n;"))
        records |= {record.count("\n;") for record in recorded}
    assert len(claims) == 1
    assert claims.pop() + max(records) <= 30
