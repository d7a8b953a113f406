"""The Lead Ingestion Classification Contract: inputs made canonical, and every way they are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.intake.domain import classification
from leadgen.intake.domain.classification import Identification, Resolution
from leadgen.kernel.errors import Refusal


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Leads.Example.com", "leads.example.com"),
        ("leads.example.com:8443", "leads.example.com"),
        ("  leads.example.com:80 ", "leads.example.com"),
        ("[2001:DB8::1]:8000", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
        ("[::1", "[::1"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("", ""),
        (":8000", ""),
    ],
)
def test_a_host_is_lowered_and_loses_its_port(host: str, expected: str) -> None:
    assert classification.strip_port(host) == expected


@pytest.mark.parametrize(("path", "expected"), [("", "/"), ("/", "/"), ("lp/a", "/lp/a"), ("/LP/a", "/LP/a")])
def test_a_path_begins_with_a_slash(path: str, expected: str) -> None:
    assert classification.normalize_path(path) == expected


@pytest.mark.parametrize("key", ["ab", "a" * 128, "9.x_y:z-", " spaced-key\t", "\nkey-1\n"])
def test_a_source_key_is_trimmed_and_nothing_else(key: str) -> None:
    assert classification.canonical_source_key(key) == key.strip()


@pytest.mark.parametrize(
    "key", ["", " ", "a", " a ", "a" * 129, "-ab", ".ab", "a b", "a/b", "käse", "ab\ncd", "ab\x00"]
)
def test_a_source_key_of_another_shape_is_refused(key: str) -> None:
    with pytest.raises(Refusal) as refused:
        classification.canonical_source_key(key)
    assert (refused.value.status, refused.value.code) == (400, "invalid_source_key_format")


def test_source_id_goes_before_source_key_and_source_key_before_the_host() -> None:
    both = classification.identify(source_id=7, source_key="bad key!", host="h.example", path="/lp")
    assert both == Identification(7, None, None, "/lp")
    key = classification.identify(source_id=None, source_key=" key-1 ", host="h.example", path="/lp")
    assert key == Identification(None, "key-1", None, "/lp")
    host = classification.identify(source_id=None, source_key=None, host="H.example:80", path="")
    assert host == Identification(None, None, "h.example", "/")


@pytest.mark.parametrize("host", [None, "", "  ", ":443"])
def test_without_id_key_and_host_nothing_can_be_classified(host: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        classification.identify(source_id=None, source_key=None, host=host, path="/lp")
    assert (refused.value.status, refused.value.code) == (400, "missing_host_header")


BY_ID = Identification(7, None, None, "/")
BY_KEY = Identification(None, "key-1", None, "/")
BY_HOST = Identification(None, None, "h.example", "/lp")


@pytest.mark.parametrize(
    ("identification", "resolution", "status", "code"),
    [
        (BY_ID, Resolution.NONE, 400, "invalid_source"),
        (BY_KEY, Resolution.NONE, 400, "invalid_source_key"),
        (BY_HOST, Resolution.NONE, 400, "unmapped_source"),
        (BY_HOST, Resolution.AMBIGUOUS, 409, "ambiguous_source_mapping"),
    ],
)
def test_what_is_not_resolved_is_refused_by_its_own_code(
    identification: Identification, resolution: Resolution, status: int, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        classification.refuse_unresolved(identification, resolution)
    assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize("identification", [BY_ID, BY_KEY, BY_HOST])
def test_exactly_one_source_is_not_refused(identification: Identification) -> None:
    classification.refuse_unresolved(identification, Resolution.RESOLVED)


@given(st.text(max_size=40))
def test_stripping_a_port_twice_changes_nothing(host: str) -> None:
    once = classification.strip_port(host)
    assert classification.strip_port(once) == once
