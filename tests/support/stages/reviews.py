"""Deliveries that wait for an operator in tests, and the verdicts on them."""

from datetime import timedelta
from typing import Any

from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, a_lead, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages


def a_token(role: Any = "operator") -> str:
    return tokens.issue(SECRET_KEY, subject="op", role=role, now=clock.now(), lifetime=timedelta(hours=1))


def decide(functions: Functions, delivery: str, verdict: str, *, token: str | None = None, **more: Any) -> Any:
    """Say a verdict; the status, and what is answered: of a refusal its error."""
    answer = functions.client("api").post(
        f"/api/deliveries/{delivery}/review",
        json={"verdict": verdict, **more},
        headers={"Authorization": f"Bearer {token or a_token()}", "User-Agent": "desk/1"},
    )
    body = answer.json()
    return answer.status_code, body.get("error", body)


def fetch(functions: Functions, path: str) -> Any:
    answer = functions.client("api").get(path, headers={"Authorization": f"Bearer {a_token()}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


class Market:
    """An offer with buyers, the first one preferred. They take e-mail, and have a webhook where there is a URL."""

    def __init__(self, conn: Connection[Any], *urls: str | None, config: dict[str, Any] | None = None) -> None:
        self.conn = conn
        self.offer = an_offer(conn, name="Roofs", config=config)
        self.source = a_source(conn, self.offer)
        self.buyers = []
        for place, url in enumerate(urls):
            buyer = a_buyer(conn, webhook_url=url)
            an_enrollment(conn, buyer, self.offer, routing_priority=100 - place)
            self.buyers.append(buyer)

    def lead(self, functions: Functions, **values: Any) -> int:
        """A lead that routing has claimed for the first buyer."""
        lead = a_lead(self.conn, self.source, **{"status": "validated", "name": "Zoë Sentinel"} | values)
        functions.module("route").process(messages("lead.validated", [lead]), clock.now())
        return lead

    def in_review(self, functions: Functions, reason: str = "webhook_failed", **values: Any) -> tuple[int, str]:
        """A routed lead and its delivery, which waits for an operator after three attempts."""
        lead = self.lead(functions)
        state = {"status": "in_review", "review_reason": reason, "next_attempt_at": None, "attempts": 3} | values
        columns = ", ".join(f"{name} = %s" for name in state)
        row = self.conn.execute(
            f"UPDATE deliveries SET {columns}, settled_at = now() WHERE lead_id = %s AND status <> 'released'"
            " RETURNING id::text".encode(),
            [*state.values(), lead],
        ).fetchone()
        assert row is not None
        return lead, row[0]

    def claimed(self, buyer: int) -> tuple[Any, ...]:
        """A buyer's pending money, and its places and money of every period."""
        row = self.conn.execute(
            """
            SELECT b.pending_amount::text, array_agg(c.claimed ORDER BY c.period),
                   array_agg(c.amount::text ORDER BY c.period)
              FROM buyers b JOIN buyer_offers bo ON bo.buyer_id = b.id
              LEFT JOIN capacity_counters c ON c.buyer_offer_id = bo.id WHERE b.id = %s GROUP BY b.id
            """,
            (buyer,),
        ).fetchone()
        assert row is not None
        return tuple(row)


NOTHING = ("0.00", [0] * 4, ["0.00"] * 4)
ONE = ("45.00", [1] * 4, ["45.00"] * 4)


def delivery_row(conn: Connection[Any], delivery: str) -> tuple[Any, ...]:
    row = conn.execute(
        "SELECT status, channel, attempts, uncounted, outcome_unknown, review_reason, release_reason, verdict"
        " FROM deliveries WHERE id = %s", (delivery,),
    ).fetchone()  # fmt: skip
    assert row is not None
    return tuple(row)


def lead_row(conn: Connection[Any], lead: int) -> tuple[Any, ...]:
    row = conn.execute(
        "SELECT status::text, buyer_id, delivered_price::text, assigned_buyer_id, rejection_reason"
        " FROM leads WHERE id = %s", (lead,),
    ).fetchone()  # fmt: skip
    assert row is not None
    return tuple(row)


def route(functions: Functions, lead: int) -> None:
    functions.module("route").process(messages("lead.validated", [lead]), clock.now())


def audits(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT action, resource_type, resource_id, before_state, after_state, user_agent FROM audit_logs ORDER BY id"
    ).fetchall()
