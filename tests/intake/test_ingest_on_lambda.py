"""The ingest function as API Gateway invokes it."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection

from tests.conftest import ROOT
from tests.support.factories import a_source
from tests.support.stages.functions import Functions
from tests.support.stages.posts import through_lambda


@pytest.fixture
def form_source(conn: Connection[Any], offer: int) -> int:
    """The source of the page that the example event's form is on."""
    return a_source(conn, offer, hostname="forms.example.com", path_prefix="/offers")


def the_form() -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / "post_form.json").read_text())
    return event


def test_a_form_is_classified_by_the_host_and_path_of_the_page_and_not_by_the_stages(
    conn: Connection[Any], functions: Functions, form_source: int
) -> None:
    answer = through_lambda(functions, the_form())
    assert answer["statusCode"] == 202
    assert json.loads(answer["body"])["source_id"] == form_source
    row = conn.execute("SELECT name, phone, consent, host(ip_address), trace_id FROM leads").fetchone()
    assert row == ("Sam Example", "(555) 555-0145", True, "203.0.113.10", "0d3c0f5e-6f0f-4d4c-9d4e-5a2b7d7f6a01")


def test_a_body_in_base64_is_the_same_post(functions: Functions, form_source: int) -> None:
    plain = through_lambda(functions, the_form())
    event = the_form()
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
    encoded = through_lambda(functions, event)
    assert json.loads(encoded["body"])["lead_id"] == json.loads(plain["body"])["lead_id"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"headers": {}, "multiValueHeaders": {}}, 415, "unsupported_media_type"),
        ({"body": None}, 400, "invalid_request"),
        ({"path": "/elsewhere"}, 400, "unmapped_source"),
        ({"path": None}, 400, "unmapped_source"),
    ],
    ids=str,
)
def test_an_event_that_is_short_of_something_is_refused(
    functions: Functions, form_source: int, nothing_stored: Callable[[], None], change: dict[str, Any], status: int,
    code: str,
) -> None:  # fmt: skip
    answer = through_lambda(functions, the_form() | change)
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (status, code)
    nothing_stored()


def test_without_a_host_header_nothing_can_be_classified(
    functions: Functions, form_source: int, nothing_stored: Callable[[], None]
) -> None:
    event = the_form()
    for headers in (event["headers"], event["multiValueHeaders"]):
        del headers["Host"]
    answer = through_lambda(functions, event)
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (400, "missing_host_header")
    nothing_stored()
