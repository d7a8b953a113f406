"""A buyer's answer: what it means, by its status or by what its body says."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.delivery.domain import terms
from leadgen.outbound.domain.response_mapping import Accepted, Reading, Rejected, Unclear, read

Answer = Mapping[str, Any]

CRM: Answer = {
    "type": "json",
    "accepted_when": [{"path": "result", "in": ["success", "queued"]}],
    "rejected_when": [{"path": "result", "equals": "duplicate"}, {"path": "errors.0.code", "present": True}],
    "rejected_statuses": [409, 422],
    "reference": "lead.id",
    "reason": "errors.0.message",
}
NEITHER = Unclear("the answer is neither an acceptance nor a rejection")


def means(
    answer: Answer | None,
    body: bytes | str,
    *,
    status: int = 200,
    complete: bool = True,
    content_type: str | None = None,
) -> Reading:
    mapping = terms.parse({"answer": answer} if answer else {}, label="a buyer").answer
    raw = body.encode() if isinstance(body, str) else body
    return read(mapping, status=status, content_type=content_type, body=raw, complete=complete)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize("complete", [True, False])
def test_without_a_mapping_any_2xx_accepts_whatever_it_says(status: int, complete: bool) -> None:
    assert means(None, b'{"result": "duplicate"}', status=status, complete=complete) == Accepted(None)


@pytest.mark.parametrize("answer", [None, CRM])
@pytest.mark.parametrize("status", [199, 301, 400, 500])
def test_a_status_that_nobody_calls_a_refusal_says_nothing(answer: Answer | None, status: int) -> None:
    assert means(answer, b'{"result": "success"}', status=status) == Unclear(f"HTTP {status}")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"result": "success", "lead": {"id": 17}}, Accepted("17")),
        ({"result": " Queued\n", "lead": {"id": "A-1"}}, Accepted("A-1")),
        ({"result": "success"}, Accepted(None)),
        ({"result": "success", "lead": {"id": {"x": 1}}}, Accepted(None)),
        ({"result": "duplicate"}, Rejected("result equals duplicate")),
        ({"result": "DUPLICATE", "errors": [{"message": "known\nfor long"}]}, Rejected("known for long")),
        # A refusal is asked for first: who says both has refused.
        ({"result": "success", "errors": [{"code": 7, "message": "bad phone"}]}, Rejected("bad phone")),
        ({"result": "maybe"}, NEITHER),
        ({"errors": []}, NEITHER),
        ({"result": None}, NEITHER),
        ([], NEITHER),
        ("success", NEITHER),
    ],
)
def test_a_json_answer_is_read_by_its_paths(body: object, expected: Reading) -> None:
    assert means(CRM, json.dumps(body)) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"OK", b"{", b"\xff\xfe\xfa", b"[" * 16_000, b'{"a":' * 3_000, b'{"result": "success"'],
)
def test_what_does_not_parse_is_unclear(body: bytes) -> None:
    assert means(CRM, body) == Unclear("the answer is not JSON")


def test_an_answer_that_was_cut_off_is_unclear_where_its_body_matters() -> None:
    assert means(CRM, '{"result": "success"}', complete=False) == Unclear("the answer was cut off")
    assert means({"type": "json", "reference": "id"}, '{"id": 5', complete=False) == Accepted(None)


def test_a_status_that_is_a_refusal_needs_no_body() -> None:
    assert means(CRM, "", status=409) == Rejected("HTTP 409")
    assert means(CRM, '{"result": "success"}', status=409, complete=False) == Rejected("HTTP 409")
    assert means(CRM, '{"errors": [{"message": "no such city"}]}', status=422) == Rejected("no such city")


@pytest.mark.parametrize("number", ["1e999999999", "1" * 15_000, "-0.0", "NaN", "Infinity"])
def test_no_number_of_an_answer_is_too_large_to_read(number: str) -> None:
    answer = {"type": "json", "accepted_when": [{"path": "n", "starts_with": number[:3]}], "reference": "n"}
    assert means(answer, f'{{"n": {number}}}') == Accepted(number[:100])


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"rejected_when": [{"path": "r", "equals": "no"}]}, Accepted(None)),
        ({"accepted_when": [{"path": "r", "equals": "yes"}]}, NEITHER),
        ({"accepted_when": [{"path": "r", "equals": "yes"}], "otherwise": "accepted"}, Accepted(None)),
        (
            {"accepted_when": [{"path": "r", "equals": "yes"}], "otherwise": "rejected"},
            Rejected("the answer says nothing of an acceptance"),
        ),
        ({"rejected_when": [{"path": "r", "equals": "no"}], "otherwise": "unclear"}, NEITHER),
    ],
)
def test_what_meets_neither_is_what_the_mapping_says(more: Answer, expected: Reading) -> None:
    assert means({"type": "json", **more}, '{"r": "perhaps"}') == expected


OPERATORS: list[tuple[Answer, object, bool]] = [
    ({"equals": True}, True, True),
    ({"equals": True}, "true", True),
    ({"equals": True}, False, False),
    ({"equals": 0}, 0, True),
    ({"equals": "0"}, 0, True),
    ({"equals": "ok"}, " O  K ", False),
    ({"equals": "all ok"}, " All  OK ", True),
    ({"in": ["a", 5]}, 5, True),
    ({"in": ["a", 5]}, 6, False),
    ({"contains": "dup"}, "a Duplicate", True),
    ({"contains": "dup"}, ["x", "DUP"], True),
    ({"contains": "dup"}, ["x", {"dup": 1}], False),
    ({"starts_with": "err"}, "Error 7", True),
    ({"starts_with": "err"}, "an error", False),
    ({"present": True}, {"code": 1}, True),
    ({"present": True}, {}, False),
    ({"present": True}, "", False),
    ({"present": True}, 0, True),
    ({"present": False}, None, True),
    ({"present": False}, "x", False),
]


@pytest.mark.parametrize(("test", "value", "expected"), OPERATORS)
def test_each_operator_asks_what_it_says(test: Answer, value: object, expected: bool) -> None:
    answer = {"type": "json", "accepted_when": [{"path": "v", **test}], "otherwise": "rejected"}
    assert isinstance(means(answer, json.dumps({"v": value})), Accepted) is expected


XML: Answer = {
    "type": "xml",
    "accepted_when": [{"path": "response.status", "equals": "matched"}],
    "rejected_when": [{"path": "response.error.1.@code", "equals": "dup"}],
    "reference": "response.lead.@id",
    "reason": "response.error.1",
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<response><status> Matched </status><lead id="L7"/></response>', Accepted("L7")),
        ('<r:response xmlns:r="urn:x"><r:status><![CDATA[matched]]></r:status></r:response>', Accepted(None)),
        ('<response xmlns="urn:x"><status>matched</status></response>', Accepted(None)),
        ('<response><error/><error code="dup">we know</error></response>', Rejected("we know")),
        ("<response><status>matched<!-- --></status></response>", Accepted(None)),
        ("<answer><response><status>matched</status></response></answer>", NEITHER),
        ("<response/>", NEITHER),
        ("<response>" + "<status>" * 800 + "</status>" * 800 + "</response>", NEITHER),
    ],
)
def test_an_xml_answer_is_read_by_its_elements_whatever_their_namespaces(body: str, expected: Reading) -> None:
    assert means(XML, body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<response>",
        '<!DOCTYPE a [<!ENTITY x "matched">]><response><status>&x;</status></response>',
        '<!DOCTYPE response SYSTEM "https://example.com/x.dtd"><response><status>matched</status></response>',
        "<response><status>&x;</status></response>",
        '<?xml version="1.0" encoding="nonsense"?><response/>',
        '<?xml version="1.0" encoding="utf-7"?><response/>',
    ],
)
def test_xml_with_entities_or_a_dtd_is_not_read(body: str) -> None:
    assert means(XML, body) == Unclear("the answer is not XML")


def test_a_form_is_read_by_its_fields() -> None:
    answer = {
        "type": "form",
        "rejected_when": [{"path": "status", "equals": "rejected"}],
        "reason": "why",
        "reference": "lead.id",
    }
    assert means(answer, "status=Rejected&why=too+far%21") == Rejected("too far!")
    assert means(answer, "status=ok&lead.id=9") == Accepted("9")
    assert means(answer, "&".join(f"a{number}=1" for number in range(2_000))) == Unclear(
        "the answer is not form-encoded"
    )


def test_plain_text_is_read_whole_and_is_its_own_reason() -> None:
    answer = {"type": "text", "accepted_when": [{"starts_with": "ok"}], "rejected_when": [{"contains": "duplicate"}]}
    assert means(answer, "OK 17") == Accepted(None)
    assert means(answer, "Sorry:\n\tduplicate") == Rejected("Sorry: duplicate")
    assert means(answer, "") == NEITHER
    latin = {"type": "text", "rejected_when": [{"contains": "déjà"}]}
    assert means(latin, "déjà vu".encode("latin-1"), content_type='text/plain; charset="ISO-8859-1"') == Rejected(
        "déjà vu"
    )
    assert means(latin, "déjà vu", content_type="text/plain; charset=nonsense") == Rejected("déjà vu")


@given(words=st.text(max_size=400))
def test_a_buyers_words_are_bounded_and_on_one_line(words: str) -> None:
    answer = {"type": "json", "rejected_when": [{"path": "no", "present": True}], "reference": "ref", "reason": "no"}
    accepted = means(answer, json.dumps({"ref": words}))
    refused = means(answer, json.dumps({"no": "x" + words, "ref": words}))
    assert isinstance(accepted, Accepted)
    assert isinstance(refused, Rejected)
    for kept, longest in ((accepted.reference or "x", 100), (refused.reason, 200)):
        assert 1 <= len(kept) <= longest
        assert kept == kept.strip()
        assert all(unicodedata.category(sign)[0] != "C" for sign in kept)


@given(body=st.binary(max_size=300), kind=st.sampled_from(["json", "xml", "form", "text"]), complete=st.booleans())
def test_whatever_a_buyer_sends_is_an_answer(body: bytes, kind: str, complete: bool) -> None:
    test = {"contains": "a"} if kind == "text" else {"path": "a.0.b", "contains": "a"}
    assert isinstance(
        means({"type": kind, "accepted_when": [test]}, body, complete=complete), Accepted | Rejected | Unclear
    )
