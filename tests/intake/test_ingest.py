"""POST /api/leads: the contract's answer, the keys given and derived, replays, and a database that is away."""

import hashlib
from typing import Any

import pytest
from psycopg import Connection

from leadgen.intake.domain import idempotency
from leadgen.platform import settings
from tests.support.factories import a_post, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.posts import KEY, post, refusal

ANSWER = {
    "lead_id", "status", "buyer_id", "price", "source_id", "offer_id", "market_id", "vertical_id", "idempotency_key",
    "is_duplicate", "duplicate_of_lead_id",
}  # fmt: skip


def test_a_post_is_accepted_with_the_documented_answer(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    response = post(functions, source_key="page", idempotency_key=KEY)
    assert response.status_code == 202
    answer = response.json()
    assert answer.keys() == ANSWER
    (lead_id, offer_id, market_id, vertical_id) = conn.execute(
        "SELECT id, offer_id, market_id, vertical_id FROM leads"
    ).fetchall()[0]
    assert answer == {
        "lead_id": lead_id, "status": "received", "buyer_id": None, "price": None, "source_id": source,
        "offer_id": offer_id, "market_id": market_id, "vertical_id": vertical_id, "idempotency_key": KEY,
        "is_duplicate": False, "duplicate_of_lead_id": None,
    }  # fmt: skip
    assert "Idempotency-Replayed" not in response.headers
    assert sent(conn, "validate") == [("lead.received", lead_id)]


def test_every_field_is_stored_raw_and_normalized(conn: Connection[Any], functions: Functions, source: int) -> None:
    response = post(
        functions, source_key="page", source="embed", name=" Zoë Ünal ", email=" Zoe@Example.COM ",
        phone=" (303) 555-0100 ", country_code="gb", postal_code=" sw1a 1aa ", city=" Fort  Collins ", region_code="CO",
        message=" Leaks ", utm_source="google", utm_medium="cpc", utm_campaign="spring", consent=True,
        gdpr_consent=False, attributes={"roof_age": 12, "notes": ["a", {"b": None}]}, extra="kept",
        headers={"User-Agent": "Mozilla/5.0 " + "x" * 900},
    )  # fmt: skip
    assert response.status_code == 202
    row = conn.execute(
        """
        SELECT source, name, email, phone, country_code, postal_code, city, region_code, message, utm_source,
               utm_medium, utm_campaign, consent, gdpr_consent, normalized_email, normalized_phone,
               length(user_agent) FROM leads
        """
    ).fetchone()
    assert row == (
        "embed", "Zoë Ünal", "Zoe@Example.COM", "(303) 555-0100", "GB", "SW1A 1AA", "Fort Collins", "CO", "Leaks",
        "google", "cpc", "spring", True, False, "zoe@example.com", "3035550100", 500,
    )  # fmt: skip
    assert conn.execute("SELECT attributes FROM leads").fetchone() == (
        {"roof_age": 12, "notes": ["a", {"b": None}], "extra": "kept"},
    )


def test_a_missing_key_is_derived_and_answered(conn: Connection[Any], functions: Functions, source: int) -> None:
    fields: dict[str, Any] = {
        "name": "Jane",
        "email": "Jane@Example.com",
        "phone": "+1 303",
        "postal_code": "x1",
        "message": "Hi",
    }
    answer = post(functions, source_key="page", **fields).json()
    written_out = (
        f"source_id={source}\nname=Jane\nemail=jane@example.com\nphone=+1303\ncountry=US\npostal=X1\nmessage=Hi"
    )
    assert answer["idempotency_key"] == hashlib.sha256(written_out.encode()).hexdigest()
    again = post(functions, source_key="page", **fields | {"phone": "+1  303", "email": " JANE@example.com"})
    assert again.json()["lead_id"] == answer["lead_id"]
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_replay_answers_the_stored_lead_as_it_stands_now(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    body = a_post(source_key="page", idempotency_key=KEY)
    first = functions.client().post("/api/leads", json=body).json()
    conn.execute(
        "UPDATE leads SET status = 'delivered', delivered_price = 45, price_components = '[]', delivered_at = now()"
    )
    replay = functions.client().post("/api/leads", json=body | {"idempotency_key": f"  {KEY} "})
    assert replay.status_code == 202
    assert replay.json() == first | {"status": "delivered", "price": 45.0}
    assert '"price": 45.00' in replay.text
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Mismatch" not in replay.headers
    assert conn.execute("SELECT count(*) FROM leads").fetchone() == (1,)


def test_another_body_under_the_same_key_answers_the_stored_lead_and_says_so(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    first = post(functions, source_key="page", idempotency_key=KEY, name="Jane")
    other = post(functions, source_key="page", idempotency_key=KEY, name="Joe")
    assert other.json() == first.json()
    assert (other.headers["Idempotency-Replayed"], other.headers["Idempotency-Mismatch"]) == ("true", "true")
    assert conn.execute("SELECT name FROM leads").fetchall() == [("Jane",)]


def test_the_key_may_come_in_its_header(conn: Connection[Any], functions: Functions, source: int) -> None:
    in_header = post(functions, source_key="page", headers={"Idempotency-Key": f" {KEY} "})
    in_body = post(functions, source_key="page", idempotency_key=KEY)
    in_both = post(functions, source_key="page", idempotency_key=KEY, headers={"Idempotency-Key": KEY})
    assert in_header.json()["idempotency_key"] == KEY
    assert in_header.json()["lead_id"] == in_body.json()["lead_id"] == in_both.json()["lead_id"]


def test_a_lead_stays_bound_although_its_source_moves_on(
    functions: Functions, conn: Connection[Any], source: int
) -> None:
    first = post(functions, source_key="page", idempotency_key=KEY).json()
    conn.execute("UPDATE sources SET offer_id = %s WHERE id = %s", (an_offer(conn), source))
    assert post(functions, source_key="page", idempotency_key=KEY).json() == first


def test_a_database_that_is_away_is_told_with_the_time_to_come_again(
    functions: Functions, source: int, environment: pytest.MonkeyPatch, closed_port: int
) -> None:
    environment.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{closed_port}/leadgen")
    settings.current.cache_clear()
    refused = post(functions, source_key="page")
    assert refusal(refused) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert functions.client().get("/health").status_code == 503
    assert functions.client().get("/health").json()["database"] == "disconnected"
    assert functions.client().get("/health/db").status_code == 503
    assert refusal(functions.client().get("/health/queues")) == (503, "database_unavailable")


def test_a_connection_the_server_closed_is_not_the_posters_concern(
    functions: Functions, conn: Connection[Any], source: int
) -> None:
    assert post(functions, source_key="page").status_code == 202
    conn.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert post(functions, source_key="page").status_code == 202


def test_the_derived_key_of_sql_is_the_domains(functions: Functions, source: int) -> None:
    fields: dict[str, Any] = {
        "name": "Zoë",
        "email": "zoë@example.com",
        "phone": "☎ 303",
        "postal_code": "ÄÖ 1",
        "message": "\n€",
    }
    answer = post(functions, source_key="page", **fields).json()
    material = idempotency.material(**fields, country_code="US")
    assert answer["idempotency_key"] == idempotency.derive(source, material)
