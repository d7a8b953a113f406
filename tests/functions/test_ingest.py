"""POST /api/leads and posts on landing paths: the contract's answers, and nothing stored after a refusal."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from psycopg import Connection

from leadgen.adapters import clock, settings, tokens
from leadgen.domain import idempotency
from tests.conftest import SECRET_KEY
from tests.factories import a_post, a_source, an_offer
from tests.functions_under_test import Functions
from tests.messages import told

KEY = "a-key-of-16-chars"
ANSWER = {
    "lead_id", "status", "buyer_id", "price", "source_id", "offer_id", "market_id", "vertical_id", "idempotency_key",
    "is_duplicate", "duplicate_of_lead_id",
}  # fmt: skip


@pytest.fixture
def source(conn: Connection[Any]) -> int:
    """The source of key ``page``, mapped to www.example.com as well."""
    return a_source(conn, an_offer(conn), source_key="page", hostname="www.example.com", path_prefix="/lp")


@pytest.fixture
def nothing_stored(conn: Connection[Any]) -> Callable[[], None]:
    def check() -> None:
        assert conn.execute("SELECT count(*) FROM leads").fetchone() == (0,)
        assert told(conn, "validate") == []

    return check


def post(
    functions: Functions, path: str = "/api/leads", *, host: str = "api.example.com",
    headers: Mapping[str, str] | None = None, **body: Any,
) -> httpx.Response:  # fmt: skip
    """POST an ordinary lead, changed by ``body``; a field that is None is left out."""
    fields = {name: value for name, value in a_post(**body).items() if value is not None}
    return functions.client(host=host).post(path, json=fields, headers=headers)


def a_token(role: tokens.Role = "operator", *, secret: str = SECRET_KEY, hours: float = 1) -> dict[str, str]:
    token = tokens.issue(
        secret, subject="someone", role=role, now=clock.now(), lifetime=timedelta(hours=hours)
    )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, whose body has the one documented shape."""
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert body.keys() == {"error", "detail"}
    assert body["error"] == body["detail"]
    assert body["error"].keys() == {"code", "message", "details"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]


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
    assert told(conn, "validate") == [("lead.received", lead_id)]


def test_every_field_is_stored_raw_and_normalized(conn: Connection[Any], functions: Functions, source: int) -> None:
    response = post(
        functions, source_key="page", source="embed", name=" Zoë Ünal ", email=" Zoe@Example.COM ",
        phone=" (303) 555-0100 ", country_code="gb", postal_code=" sw1a 1aa ", city=" Fort  Collins ", region_code="CO",
        message=" Leaks ", utm_source="google", utm_medium="cpc", utm_campaign="spring", consent=True, gdpr_consent=False,
        attributes={"roof_age": 12, "notes": ["a", {"b": None}]}, extra="kept",
        headers={"User-Agent": "Mozilla/5.0 " + "x" * 900},
    )  # fmt: skip
    assert response.status_code == 202
    row = conn.execute(
        """
        SELECT source, name, email, phone, country_code, postal_code, city, region_code, message, utm_source, utm_medium,
               utm_campaign, consent, gdpr_consent, normalized_email, normalized_phone, length(user_agent) FROM leads
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
    fields = {"name": "Jane", "email": "Jane@Example.com", "phone": "+1 303", "postal_code": "x1", "message": "Hi"}
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


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, {"idempotency_key": "too-short"}, "invalid_idempotency_key_format"),
        ({}, {"idempotency_key": "  "}, "invalid_idempotency_key_format"),
        ({}, {"idempotency_key": "k" * 129}, "invalid_idempotency_key_format"),
        ({}, {"idempotency_key": "with blanks in it"}, "invalid_idempotency_key_format"),
        ({"Idempotency-Key": "too-short"}, {}, "invalid_idempotency_key_format"),
        ({"Idempotency-Key": KEY}, {"idempotency_key": KEY + "x"}, "invalid_request"),
        ({}, {"email": None}, "idempotency_derivation_failed"),
        ({}, {"phone": " "}, "idempotency_derivation_failed"),
        ({}, {"postal_code": ""}, "idempotency_derivation_failed"),
        ({}, {"email": None, "idempotency_key": KEY}, "invalid_request"),
        ({}, {"name": None}, "invalid_request"),
        ({}, {"name": 5}, "invalid_request"),
        ({}, {"phone": "1" * 21}, "invalid_request"),
        ({}, {"name": "x" * 201}, "invalid_request"),
        ({}, {"name": "a\x00b"}, "invalid_request"),
        ({}, {"attributes": {"note": "\x00"}}, "invalid_request"),
        ({}, {"attributes": {"\x00": 1}}, "invalid_request"),
        ({}, {"attributes": [1]}, "invalid_request"),
        ({}, {"consent": "yes"}, "invalid_request"),
        ({}, {"country_code": "USA"}, "invalid_request"),
        ({}, {"country_code": "ﬁ"}, "invalid_request"),  # one character that is two capital letters
        ({}, {"postal_code": "ß" * 9}, "invalid_request"),  # eighteen, when capital
        ({}, {"source_key": "no"}, "invalid_source_key"),
        ({}, {"source_key": " page/1 "}, "invalid_source_key_format"),
        ({}, {"source_key": "   "}, "invalid_source_key_format"),
        ({}, {"source_key": None}, "unmapped_source"),
        ({"X-Source-Id": "abc"}, {}, "invalid_request"),
        ({"X-Source-Id": "0"}, {}, "invalid_request"),
        ({"X-Source-Id": "99999999999"}, {}, "invalid_request"),
        ({"X-Source-Id": "0000000000" + "1" + "9" * 5000}, {}, "invalid_request"),
        ({"X-Source-Id": "1"}, {"source_id": 2}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_bad_post_is_refused_by_its_code_and_stores_nothing(
    functions: Functions, source: int, nothing_stored: Callable[[], None],
    headers: dict[str, str], body: dict[str, Any], code: str,
) -> None:  # fmt: skip
    response = post(functions, headers=headers, **{"source_key": "page"} | body)
    assert refusal(response) == (400, code)
    nothing_stored()


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"", "application/json", (400, "invalid_request")),
        (b"{", "application/json", (400, "invalid_request")),
        (b"[]", "application/json", (400, "invalid_request")),
        (b'"text"', "application/json", (400, "invalid_request")),
        (b"null", "application/json", (400, "invalid_request")),
        (b'{"name": NaN}', "application/json", (400, "invalid_request")),
        (b'{"a": Infinity}', "application/json", (400, "invalid_request")),
        (b'{"name": "x", "roof": 1e999}', "application/json", (400, "invalid_request")),
        (b'{"name": "a", "name": "b"}', "application/json", (400, "invalid_request")),
        (b'{"name": "a", "attributes": {"x": 1, "x": 2}}', "application/json", (400, "invalid_request")),
        (b'{"name": "\\ud800"}', "application/json", (400, "invalid_request")),
        (b'{"name": "\xff"}', "application/json", (400, "invalid_request")),
        (b'\xef\xbb\xbf{"name": "a"}', "application/json", (400, "invalid_request")),
        (b'{"attributes":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "application/json", (400, "invalid_request")),
        (b'{"name": "a", "x": ' + b"[" * 20 + b"]" * 20 + b"}", "application/json", (400, "invalid_request")),
        (b'{"source_id": ' + b"9" * 5000 + b"}", "application/json", (400, "invalid_request")),
        (b"{}", "text/plain", (415, "unsupported_media_type")),
        (b"{}", "application/xml", (415, "unsupported_media_type")),
        (b"{}", "", (415, "unsupported_media_type")),
        (b"name=Jane", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b'{"name": "' + b"x" * 65_536 + b'"}', "application/json", (413, "body_too_large")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_body_is_refused_and_stores_nothing(
    functions: Functions, source: int, nothing_stored: Callable[[], None], content: bytes, content_type: str,
    expected: tuple[int, str],
) -> None:  # fmt: skip
    response = functions.client().post("/api/leads", content=content, headers={"Content-Type": content_type})
    assert refusal(response) == expected
    nothing_stored()


def test_a_body_of_exactly_64_kib_is_read(functions: Functions, source: int) -> None:
    body = json.dumps(a_post(source_key="page", filler="")).encode()
    padding = b" " * (65_536 - len(body))
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert functions.client().post("/api/leads", content=body + padding, headers=headers).status_code == 202
    refused = functions.client().post("/api/leads", content=body + padding + b" ", headers=headers)
    assert refusal(refused) == (413, "body_too_large")


def test_a_body_that_does_not_say_its_length_is_measured_all_the_same(functions: Functions, source: int) -> None:
    def parts() -> Any:
        for _ in range(100):
            yield b" " * 1000

    refused = functions.client().post("/api/leads", content=parts(), headers={"Content-Type": "application/json"})
    assert refusal(refused) == (413, "body_too_large")


def test_a_compressed_body_is_refused(functions: Functions, source: int, nothing_stored: Callable[[], None]) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert refusal(functions.client().post("/api/leads", content=b"\x1f\x8b", headers=headers))[0] == 415
    nothing_stored()


def test_source_id_is_for_operators_and_systems(
    functions: Functions, conn: Connection[Any], source: int, nothing_stored: Callable[[], None]
) -> None:
    for way in ({"headers": {"X-Source-Id": str(source)}}, {"source_id": source}):
        assert refusal(post(functions, **way)) == (403, "forbidden")
    bad = [
        {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer "}, {"Authorization": "Basic abc"},
        a_token(secret="another-secret-key-of-sufficient-length"), a_token(hours=-1),
    ]  # fmt: skip
    for headers in bad:
        refused = post(functions, source_id=source, headers=headers)
        assert refusal(refused)[0] == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    nothing_stored()
    for role in ("operator", "system"):
        accepted = post(functions, source_id=source, headers=a_token(role))
        assert (accepted.status_code, accepted.json()["source_id"]) == (202, source)
    assert refusal(post(functions, source_id=10**6, headers=a_token())) == (400, "invalid_source")


def test_source_id_goes_before_source_key_and_source_key_before_the_host(
    functions: Functions, conn: Connection[Any], source: int
) -> None:
    other = a_source(conn, an_offer(conn), source_key="other")
    headers = a_token() | {"X-Source-Id": str(other)}
    assert post(functions, source_key="page", headers=headers).json()["source_id"] == other
    assert post(functions, "/lp", host="www.example.com", source_key="other").json()["source_id"] == other
    assert post(functions, "/lp", host="www.example.com").json()["source_id"] == source


def test_a_partners_source_asks_for_its_api_key(
    functions: Functions, conn: Connection[Any], nothing_stored: Callable[[], None]
) -> None:
    digest = hashlib.sha256(b"the-partners-key").hexdigest()
    a_source(conn, an_offer(conn), source_key="partner", kind="partner_api", api_key_hash=digest)
    for headers in ({}, {"X-Api-Key": ""}, {"X-Api-Key": "wrong"}, {"X-Api-Key": digest}, {"X-Api-Key": "schlüssel"}):
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        refused = functions.client().post("/api/leads", json=a_post(source_key="partner"), headers=encoded)  # type: ignore[arg-type]
        assert refusal(refused) == (401, "invalid_api_key")
    nothing_stored()
    assert post(functions, source_key="partner", headers={"X-Api-Key": "the-partners-key"}).status_code == 202


@pytest.mark.parametrize(
    ("host", "path"),
    [("www.example.com", "/lp"), ("WWW.example.com:8443", "/lp/page/one"), ("www.example.com", "/lp%2Fx")],
)
def test_a_form_on_a_landing_page_is_classified_by_host_and_path(
    conn: Connection[Any], functions: Functions, source: int, host: str, path: str
) -> None:
    form = a_post(consent="on", name="Zoë Ünal", roof_age="12", utm_source="")
    response = functions.client(host=host).post(path, data=form)
    assert (response.status_code, response.json()["source_id"]) == (202, source)
    assert conn.execute("SELECT name, consent, attributes, utm_source FROM leads").fetchone() == (
        "Zoë Ünal", True, {"roof_age": "12"}, None,
    )  # fmt: skip


def test_a_landing_page_may_post_json_too(functions: Functions, source: int) -> None:
    assert post(functions, "/lp/a", host="www.example.com").status_code == 202


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("www.example.com", "/other", (400, "unmapped_source")),
        ("other.example.com", "/lp", (400, "unmapped_source")),
        ("www.example.com", "/lp/%00", (400, "invalid_request")),
    ],
)
def test_a_form_that_no_source_claims_is_refused(
    functions: Functions, source: int, nothing_stored: Callable[[], None], host: str, path: str,
    expected: tuple[int, str],
) -> None:  # fmt: skip
    assert refusal(functions.client(host=host).post(path, data=a_post())) == expected
    nothing_stored()


@pytest.mark.parametrize(
    "form",
    [b"name=Jane&name=Joe", b"name=%FF", b"&".join(b"f%d=1" % n for n in range(201)), b"name=Jane&source_id=1e3"],
    ids=["twice", "not utf-8", "too many", "bad id"],
)
def test_a_malformed_form_is_refused(
    functions: Functions, source: int, nothing_stored: Callable[[], None], form: bytes
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = functions.client(host="www.example.com").post("/lp", content=form, headers=headers)
    assert refusal(refused) == (400, "invalid_request")
    nothing_stored()


def test_two_sources_that_claim_a_page_alike_are_a_conflict(
    functions: Functions, conn: Connection[Any], source: int, nothing_stored: Callable[[], None]
) -> None:
    a_source(conn, an_offer(conn), hostname="www.example.com", path_prefix="/lp")
    refused = post(functions, "/lp/x", host="www.example.com")
    assert refusal(refused) == (409, "ambiguous_source_mapping")
    assert refused.json()["error"]["details"] == {"hostname": "www.example.com", "path": "/lp/x"}
    nothing_stored()


def test_the_default_source_takes_what_no_host_claims(
    functions: Functions, source: int, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DEFAULT_SOURCE_KEY", "page")
    assert post(functions, host="nobodys.example.com").json()["source_id"] == source
    assert refusal(post(functions, source_key="wrong")) == (400, "invalid_source_key")


def test_too_many_posts_from_one_address_are_told_when_to_come_again(
    functions: Functions, conn: Connection[Any], source: int, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("RATE_LIMIT_LANDING_PAGE", "2")
    client = functions.client()
    client._transport.client = ("203.0.113.7", 5000)  # type: ignore[attr-defined]
    answers = [client.post("/api/leads", json=a_post(source_key="page")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert refusal(answers[2]) == (429, "rate_limited")
    assert answers[2].headers["Retry-After"] == "60"
    assert conn.execute("SELECT count(*), min(host(ip_address)) FROM leads").fetchone() == (2, "203.0.113.7")


def test_a_lead_stays_bound_although_its_source_moves_on(
    functions: Functions, conn: Connection[Any], source: int
) -> None:
    first = post(functions, source_key="page", idempotency_key=KEY).json()
    conn.execute("UPDATE sources SET offer_id = %s WHERE id = %s", (an_offer(conn), source))
    assert post(functions, source_key="page", idempotency_key=KEY).json() == first


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/api/leads", (405, "method_not_allowed")), ("DELETE", "/lp", (405, "method_not_allowed"))],
)
def test_other_methods_are_refused_in_the_same_shape(
    functions: Functions, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert refusal(functions.client().request(method, path)) == expected


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
    fields = {"name": "Zoë", "email": "zoë@example.com", "phone": "☎ 303", "postal_code": "ÄÖ 1", "message": "\n€"}
    answer = post(functions, source_key="page", **fields).json()
    material = idempotency.material(**fields, country_code="US")
    assert answer["idempotency_key"] == idempotency.derive(source, material)
