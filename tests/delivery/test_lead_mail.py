"""The mail that brings a lead: whatever a lead holds, it stays text."""

import re
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.delivery.domain.lead_mail import compose
from tests.support.domain_values import facts

TEXT = st.text(st.characters() | st.sampled_from("<>&\"'{}%\r\n\t\u2028\u202e\u2066\x00\x1b\ud800"), max_size=200)


class _Page(HTMLParser):
    """The elements of a page, what its links lead to, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in {"href", "src", "background", "action"}]
        if tag == "br":
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_plain_text_reads_like_this() -> None:
    assert compose(facts()).text == (
        "New lead #12345: Emergency plumbing, Austin\n"
        "\n"
        "Name:      John Smith\n"
        "Phone:     +1 (512) 555-0123\n"
        "E-mail:    john@example.com\n"
        "Place:     Austin, TX 78701, US\n"
        "Best time: evening\n"
        "Owner:     yes\n"
        "Rooms:     1, 2\n"
        "Roof:      Age: 12\n"
        "Budget:    -\n"
        "Message:   Emergency plumbing needed\n"
        "           Price: 0.00\n"
        "\n"
        "Price:    45.00 USD\n"
        "Received: 2024-01-15 04:30 CST\n"
        "Offer:    Austin plumbing\n"
        "Source:   landing_page\n"
        "Delivery: 6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a\n"
    )


def test_the_page_says_what_the_text_says() -> None:
    written = compose(facts())
    page = _Page(written.html)
    for line in written.text.splitlines():
        for part in line.split(":", 1):
            assert part.strip() in page.text, line
    assert page.links == ["tel:+15125550123", "mailto:john@example.com"] * 2


def test_nothing_is_loaded_from_anywhere() -> None:
    html = compose(facts()).html
    assert {tag for tag, _ in _Page(html).elements}.isdisjoint({"img", "script", "link", "iframe", "form", "object"})
    assert not re.search(r"url\(|@import|https?:", html)


def test_the_subject_names_no_person() -> None:
    assert compose(facts()).subject == "New lead #12345: Emergency plumbing, Austin"


ORDINARY = _Page(compose(facts()).html).elements


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_a_lead_of_any_text_adds_no_element_attribute_or_link(
    name: str, city: str, message: str, attribute: str, value: str
) -> None:
    attributes = {f"a{attribute}": value, "b": 1, "c": 2, "d": 3, "e": 4}
    page = _Page(compose(facts(name=name, city=city, message=message, attributes=attributes, source=value)).html)
    assert [element for element in page.elements if element[0] != "br"] == [
        element for element in ORDINARY if element[0] != "br"
    ]
    assert page.links == ["tel:+15125550123", "mailto:john@example.com"] * 2


@given(TEXT)
def test_an_address_of_any_text_leads_nowhere_but_to_itself(text: str) -> None:
    for link in _Page(compose(facts(phone=text, email=text)).html).links:
        assert link is not None
        assert re.fullmatch(r"tel:\+?[0-9]+|mailto:[A-Za-z0-9_.~%/-]+@[A-Za-z0-9_.~%/-]+", link), link


@pytest.mark.parametrize("phone", ["512 555 0123 ext. 4", "+44 (0)20 7946 0000", "javascript:alert(1)", "", "call me"])
def test_what_is_no_number_to_call_is_no_link(phone: str) -> None:
    assert _Page(compose(facts(phone=phone)).html).links == ["mailto:john@example.com"] * 2


def test_an_address_brings_no_further_recipient_with_it() -> None:
    links = _Page(compose(facts(email="a?bcc=b&subject=x@example.com")).html).links
    assert links[1] == "mailto:a%3Fbcc%3Db%26subject%3Dx@example.com"


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "{{7*7}}", "{facts.price}", "%(price)s", "$price", "&lt;"]
)
def test_what_looks_like_markup_or_a_template_is_shown_as_it_is(hostile: str) -> None:
    written = compose(facts(name=hostile, message=hostile, attributes={hostile: hostile}))
    assert written.text.count(hostile) >= 3
    assert _Page(written.html).text.count(hostile) >= 3


@given(TEXT, TEXT, TEXT)
def test_no_text_makes_a_row_of_its_own_or_turns_what_follows(name: str, message: str, value: str) -> None:
    text = compose(facts(name=name, message=message, attributes={"a": value})).text
    starts = [line.partition(":")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    assert starts == [
        "New lead #12345", "Name", "Phone", "E-mail", "Place", "A", "Message",
        "Price", "Received", "Offer", "Source", "Delivery",
    ]  # fmt: skip
    assert not set(text) & set("\r\x00\x1b\u2028\u202e\u2066\ud800")


@given(TEXT, TEXT)
def test_the_subject_is_one_line_that_a_header_can_hold(vertical: str, market: str) -> None:
    subject = compose(facts(vertical=vertical, market=market)).subject
    message = EmailMessage()
    message["Subject"] = subject
    assert b"\n\n" not in message.as_bytes().rstrip(b"\n")
    assert message.keys() == ["Subject"]
    assert len(subject) < 160


def test_ten_thousand_characters_without_a_space_are_all_there() -> None:
    written = compose(facts(message="x" * 10_000))
    assert "x" * 10_000 in written.text
    assert "x" * 10_000 in written.html
    assert "overflow-wrap:anywhere" in written.html


def test_what_is_not_there_is_a_dash() -> None:
    text = compose(facts(message=None, city=None, region_code=None, attributes={})).text
    assert "Place:   78701, US\nMessage: -\n" in text
