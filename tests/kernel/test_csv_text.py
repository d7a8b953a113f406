"""CSV that comes back as it was, and in which no person's words become a formula."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.documents.domain import sales_tables
from leadgen.kernel import csv_text
from tests.support.money.sales_documents import BUYER, an_issued_invoice

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def bare(cell: str) -> str:
    """Without the apostrophes that keep a text from being a formula."""
    return re.sub(r"([;\t\r\n] *)'(?=[=+\-@＝＋－＠])", r"\1", cell.removeprefix("'"))


@given(st.lists(st.tuples(WORDS, WORDS)))
def test_whatever_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text.written(("a", "b"), rows), newline="")))
    assert read[0] == ["a", "b"]
    assert [[bare(cell) for cell in row] for row in read[1:]] == [[bare(cell) for cell in row] for row in rows]


@given(WORDS)
def test_no_text_is_a_formula(said: str) -> None:
    for row in csv.reader(io.StringIO(csv_text.written(("head",), [(said,)]), newline="")):
        for cell in row:
            assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r", "; "])
@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"])
def test_no_text_is_a_formula_where_lines_are_parted_by_something_else(separator: str, formula: str) -> None:
    line = csv_text.written(("head",), [(f"Roofs{separator}{formula}",)]).removeprefix("head\r\n")
    assert f"{separator}'{formula}" in line


def test_numbers_and_times_are_numbers_and_times() -> None:
    row = (Decimal("-5.00"), 7, None, datetime(2026, 6, 17, 12, tzinfo=UTC), "=1+1", 'say "no", please')
    assert csv_text.written(("a", "b", "c", "d", "e", "f"), [row]).split("\r\n")[1] == (
        '-5.00,7,,2026-06-17T12:00:00+00:00,\'=1+1,"say ""no"", please"'
    )


def test_quickbooks_gets_its_columns_and_a_row_for_each_lead() -> None:
    invoice = an_issued_invoice(leads=2, buyer=BUYER.model_copy(update={"legal_name": '=cmd|" /C calc"!A0, "GmbH"'}))
    text = csv_text.written(sales_tables.QUICKBOOKS_HEAD, sales_tables.quickbooks(invoice))
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first == {
        "*Invoice number": "INV-000042",
        "*Customer": '\'=cmd|" /C calc"!A0, "GmbH"',
        "*Invoice date": "2026-07-01",
        "*Due date": "2026-07-15",
        "Terms": "Net 14 days",
        "Service date": "2026-06-01",
        "Item": "Lead",
        "Description": "Lead 1000, delivered 1 Jun 2026 00:00 CEST",
        "Quantity": "1",
        "Rate": "45.00",
        "*Item amount": "45.00",
        "Tax code": "USt 19%",
    }
    assert second["Description"].startswith("Lead 1001")


@pytest.mark.parametrize("components", [(), (("offer_default", "40.00"), ("time_of_day_premium", "5.00"))], ids=len)
def test_the_parts_of_a_price_have_columns(components: tuple[tuple[str, str], ...]) -> None:
    invoice = an_issued_invoice(leads=1)
    parts = tuple((name, Decimal(amount)) for name, amount in components)
    changed = replace(invoice, lines=(replace(invoice.lines[0], components=parts),))
    (row,) = csv.DictReader(
        io.StringIO(csv_text.written(sales_tables.LINES_HEAD, sales_tables.lines(changed)), newline="")
    )
    assert row["delivered_at"] == "2026-06-01T00:00:00+02:00"
    assert {name: row[name] for name, _ in components} == dict(components)
    assert row["exclusivity_premium"] == row["other"] == ""
