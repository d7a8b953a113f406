"""The aging report: what is open on invoices, by how long it is overdue, and that it adds up to what is owed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from leadgen.kernel.csv_text import Cell


@dataclass(frozen=True)
class OpenInvoice:
    """An invoice with money open."""

    buyer_id: int
    number: str
    currency: str
    timezone: str
    due_date: datetime
    due: Decimal


@dataclass(frozen=True)
class Owing:
    """What a buyer owes in all, and what of it is on no invoice."""

    buyer_id: int
    name: str
    currency: str
    balance: Decimal
    uninvoiced: Decimal
    debts: Decimal  # of chargebacks
    opening: Decimal  # of before the ledger


@dataclass(frozen=True)
class Aged:
    """What is open, by the days since the due day; ``days_91`` is all that is older."""

    not_due: Decimal = Decimal(0)
    days_1: Decimal = Decimal(0)
    days_31: Decimal = Decimal(0)
    days_61: Decimal = Decimal(0)
    days_91: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum(self.amounts, Decimal(0))

    @property
    def amounts(self) -> tuple[Decimal, ...]:
        """From what is not due to the oldest."""
        return (self.not_due, self.days_1, self.days_31, self.days_61, self.days_91)

    def __add__(self, other: "Aged") -> "Aged":
        return Aged(*(mine + its for mine, its in zip(self.amounts, other.amounts, strict=True)))


@dataclass(frozen=True)
class Row:
    """A buyer's, or with all buyers together a currency's, line of the report."""

    owing: Owing
    aged: Aged

    @property
    def difference(self) -> Decimal:
        """What does not add up: nothing, while the books are right."""
        of_no_invoice = self.owing.uninvoiced + self.owing.debts + self.owing.opening
        return self.owing.balance - of_no_invoice - self.aged.total


LABELS = ("not due", "1-30", "31-60", "61-90", "90+")
HEAD = ("currency", "buyer_id", "buyer", *LABELS, "total", "not_invoiced", "chargebacks", "before_ledger", "owed")


def age(invoice: OpenInvoice, now: datetime) -> Aged:
    """An invoice's open money by the days since its due day, in the market's time; on the day itself it is not due."""
    zone = ZoneInfo(invoice.timezone)
    days = (now.astimezone(zone).date() - invoice.due_date.astimezone(zone).date()).days
    bounds = ("not_due", 0), ("days_1", 30), ("days_31", 60), ("days_61", 90)
    bucket = next((name for name, last in bounds if days <= last), "days_91")
    return Aged(**{bucket: invoice.due})


def report(owing: Iterable[Owing], invoices: Iterable[OpenInvoice], now: datetime) -> tuple[list[Row], list[Row]]:
    """The buyers' rows, those of one currency together, and a total for each currency."""
    aged: dict[int, Aged] = {}
    for invoice in invoices:
        aged[invoice.buyer_id] = aged.get(invoice.buyer_id, Aged()) + age(invoice, now)
    rows = [Row(one, aged.get(one.buyer_id, Aged())) for one in owing]
    rows.sort(key=lambda row: (row.owing.currency, row.owing.name, row.owing.buyer_id))
    totals: dict[str, Row] = {}
    for row in rows:
        totals[row.owing.currency] = _together(totals.get(row.owing.currency), row)
    return rows, list(totals.values())


def cells(row: Row) -> Sequence[Cell]:
    """A row of the report under :data:`HEAD`."""
    owing = row.owing
    return (
        owing.currency, owing.buyer_id or None, owing.name, *row.aged.amounts, row.aged.total, owing.uninvoiced,
        owing.debts, owing.opening, owing.balance,
    )  # fmt: skip


def as_json(row: Row) -> dict[str, object]:
    """A row for programs."""
    owing = {field.name: getattr(row.owing, field.name) for field in fields(Owing)}
    return owing | {"aged": dict(zip(LABELS, row.aged.amounts, strict=True)), "total": row.aged.total}


def _together(so_far: Row | None, row: Row) -> Row:
    nothing = Owing(0, "All buyers", row.owing.currency, Decimal(0), Decimal(0), Decimal(0), Decimal(0))
    one, other = (nothing if so_far is None else so_far.owing), row.owing
    owing = Owing(
        0,
        "All buyers",
        other.currency,
        one.balance + other.balance,
        one.uninvoiced + other.uninvoiced,
        one.debts + other.debts,
        one.opening + other.opening,
    )
    return Row(owing, row.aged if so_far is None else so_far.aged + row.aged)
