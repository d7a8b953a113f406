"""What is wrong with a post is told by its code, and nothing of it is stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.factories import a_post
from tests.support.stages.functions import Functions
from tests.support.stages.posts import KEY, post, refusal


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


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/api/leads", (405, "method_not_allowed")), ("DELETE", "/lp", (405, "method_not_allowed"))],
)
def test_other_methods_are_refused_in_the_same_shape(
    functions: Functions, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert refusal(functions.client().request(method, path)) == expected
