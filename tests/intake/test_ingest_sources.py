"""Which source a post belongs to, and who may say so."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_post, a_source, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.posts import a_token, post, refusal


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
        encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        body = a_post(source_key="partner")
        refused = functions.client().post("/api/leads", json=body, headers=encoded)
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


@pytest.mark.parametrize(
    ("header", "country"),
    [("NG", "NG"), ("ng", None), ("NGA", None), ("N1", None), ("", None), ("NG, US", None), (None, None)],
)
def test_the_country_of_an_address_is_kept_where_the_edge_tells_it(
    functions: Functions, conn: Connection[Any], source: int, header: str | None, country: str | None
) -> None:
    headers = {} if header is None else {"CloudFront-Viewer-Country": header}
    assert functions.client().post("/api/leads", json=a_post(source_key="page"), headers=headers).status_code == 202
    assert conn.execute("SELECT ip_country FROM leads").fetchone() == (country,)


def test_too_many_posts_from_one_address_are_told_when_to_come_again(
    functions: Functions, conn: Connection[Any], source: int, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("RATE_LIMIT_LANDING_PAGE", "2")
    client = functions.client()
    # Where a client calls from is set when it is made; this one moves.
    client._transport.client = ("203.0.113.7", 5000)  # type: ignore[attr-defined]
    answers = [client.post("/api/leads", json=a_post(source_key="page")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert refusal(answers[2]) == (429, "rate_limited")
    assert answers[2].headers["Retry-After"] == "60"
    assert conn.execute("SELECT count(*), min(host(ip_address)) FROM leads").fetchone() == (2, "203.0.113.7")
