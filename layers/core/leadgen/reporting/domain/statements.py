"""Statements of account: what a buyer owed, what came and went, what is open, and its prepaid money beside it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from leadgen.billing.domain.terms import Seller
from leadgen.documents.domain import letter, sales_letters
from leadgen.documents.domain.letter import Column, Letter, Party, Table, Total
from leadgen.kernel import money
from leadgen.kernel.csv_text import Cell

HEAD = ("section", "date", "what", "reference", "due_date", "increase", "decrease", "balance", "currency")

_WORDS = {
    "opening": "Carried forward",
    "tax_charged": "Tax",
    "payment": "Payment received",
    "payment_undone": "Payment undone",
    "lead_returned": "Lead returned",
    "credit_note": "Credit note",
    "refund_requested": "Refund",
    "refund_paid": "Refund paid",
    "refund_failed": "Refund failed",
    "chargeback": "Chargeback",
    "chargeback_won": "Chargeback reversed",
    "debt_settled": "Chargeback settled from prepaid balance",
    "write_off": "Written off",
    "write_off_undone": "Write-off undone",
}


@dataclass(frozen=True)
class Movement:
    """Transactions of the ledger that a statement shows in one line: what they add to what is owed, and to the prepaid
    balance. ``leads`` is how many leads they are about.
    """

    at: datetime
    kind: str
    leads: int
    reference: str | None
    owed: Decimal
    prepaid: Decimal


@dataclass(frozen=True)
class StatementLine:
    """A line of a statement, and the balance after it."""

    at: datetime
    what: str
    reference: str
    change: Decimal
    balance: Decimal


@dataclass(frozen=True)
class OpenItem:
    """An invoice with money open at the statement's end."""

    number: str
    issued_at: datetime
    due_date: datetime
    total: Decimal
    due: Decimal


@dataclass(frozen=True)
class StatementSide:
    """One of the two sides of a statement: from its opening to its closing balance."""

    opening: Decimal
    entries: tuple[StatementLine, ...]

    @property
    def closing(self) -> Decimal:
        """The balance at the end."""
        return self.entries[-1].balance if self.entries else self.opening


@dataclass(frozen=True)
class AccountStatement:
    """A buyer's account from ``start`` to just before ``end``, by the clock of ``timezone``."""

    buyer_id: int
    buyer: Party
    currency: str
    timezone: str
    start: datetime
    end: datetime
    owed: StatementSide
    prepaid: StatementSide
    open_items: tuple[OpenItem, ...]

    @property
    def apart(self) -> Decimal:
        """What is owed on no open invoice: leads that are not invoiced yet, and chargebacks."""
        return self.owed.closing - sum((item.due for item in self.open_items), Decimal(0))


def account(opening: Decimal, changes: Iterable[tuple[Movement, Decimal]]) -> StatementSide:
    """The entries that change a balance, each with the balance after it."""
    balance, entries = opening, []
    for movement, change in changes:
        if change != 0:
            balance += change
            entries.append(StatementLine(movement.at, description(movement), movement.reference or "", change, balance))
    return StatementSide(opening, tuple(entries))


def description(movement: Movement) -> str:
    """What happened, in words."""
    leads = "1 lead" if movement.leads == 1 else f"{movement.leads} leads"
    match movement.kind:
        case "lead_billed":
            return f"{leads} delivered"
        case "wallet_drawn":
            return f"Prepaid balance used for {leads if movement.leads else 'the invoice'}"
        case kind:
            return _WORDS.get(kind, kind)


def rows(statement: AccountStatement) -> Iterator[Sequence[Cell]]:
    """The statement as a table, under :data:`HEAD`: what is owed, prepaid money, open invoices and, last, what is owed
    on none of them. Days are the market's.
    """
    currency, zone = statement.currency, ZoneInfo(statement.timezone)
    first, last = (instant.astimezone(zone).date() for instant in (statement.start, _last(statement)))
    for section, side in (("account", statement.owed), ("prepaid", statement.prepaid)):
        yield (section, first, "Opening balance", "", None, None, None, side.opening, currency)
        for entry in side.entries:
            up, down = (entry.change, None) if entry.change > 0 else (None, -entry.change)
            on = entry.at.astimezone(zone).date()
            yield (section, on, entry.what, entry.reference, None, up, down, entry.balance, currency)
        yield (section, last, "Closing balance", "", None, None, None, side.closing, currency)
    open_ = Decimal(0)
    for item in statement.open_items:
        open_ += item.due
        issued, due = (instant.astimezone(zone).date() for instant in (item.issued_at, item.due_date))
        yield ("open", issued, "Invoice", item.number, due, item.due, None, open_, currency)
    if statement.apart != 0:
        yield ("open", last, "On no open invoice", "", None, statement.apart, None, statement.owed.closing, currency)


def to_letter(statement: AccountStatement, seller: Seller, *, now: datetime) -> Letter:
    """The statement as a letter, written ``now``."""
    zone, currency = statement.timezone, statement.currency
    tables = [_account("Account", statement.owed, statement), _open_items(statement)]
    if statement.prepaid.entries or statement.prepaid.opening != 0:
        tables.append(_account("Prepaid balance", statement.prepaid, statement))
    return Letter(
        title="Statement",
        name=f"Statement {letter.day(_last(statement), zone)}",
        sender=sales_letters.sender(seller),
        recipient=statement.buyer,
        facts=(
            ("Period", f"{letter.day(statement.start, zone)} - {letter.day(_last(statement), zone)}"),
            ("Time zone", zone),
            ("Currency", currency),
            ("Customer number", str(statement.buyer_id)),
        ),
        tables=tuple(tables),
        totals=(
            Total("Open invoices", _amount(statement.owed.closing - statement.apart, currency)),
            Total("On no invoice yet", _amount(statement.apart, currency)),
            Total("You owe", money.shown(statement.owed.closing, currency), is_strong=True),
            Total("Your prepaid balance", money.shown(statement.prepaid.closing, currency)),
        ),
        created_at=now,
        footer=sales_letters.footer(seller),
    )


def _last(statement: AccountStatement) -> datetime:
    return statement.end - timedelta(microseconds=1)


def _account(title: str, side: StatementSide, statement: AccountStatement) -> Table:
    zone, currency = statement.timezone, statement.currency
    entries = [
        (letter.day(entry.at, zone), entry.what, entry.reference, _amount(entry.change, currency),
         _amount(entry.balance, currency))
        for entry in side.entries
    ]  # fmt: skip
    opening = (letter.day(statement.start, zone), "Opening balance", "", "", _amount(side.opening, currency))
    closing = (letter.day(_last(statement), zone), "Closing balance", "", "", _amount(side.closing, currency))
    columns = (
        Column("Date", 40), Column("What", 76), Column("Reference", 36), Column("Change", 32, is_number=True),
        Column("Balance", 34, is_number=True),
    )  # fmt: skip
    return Table(columns, (opening, *entries, closing), title)


def _open_items(statement: AccountStatement) -> Table:
    zone, currency, balance = statement.timezone, statement.currency, Decimal(0)
    found: list[tuple[str, ...]] = []
    for item in statement.open_items:
        balance += item.due
        found.append(
            (item.number, letter.day(item.issued_at, zone), letter.day(item.due_date, zone),
             _amount(item.total, currency), _amount(item.due, currency), _amount(balance, currency))
        )  # fmt: skip
    columns = (
        Column("Invoice", 36), Column("Issued", 40), Column("Due", 40), Column("Total", 32, is_number=True),
        Column("Open", 32, is_number=True), Column("Open so far", 38, is_number=True),
    )  # fmt: skip
    return Table(columns, tuple(found) or (("None", "", "", "", "", ""),), "Open invoices")


def _amount(amount: Decimal, currency: str) -> str:
    return money.shown(amount, currency).removesuffix(f" {currency}")


def as_json(statement: AccountStatement) -> dict[str, object]:
    """The statement for programs."""
    sides = {"account": statement.owed, "prepaid": statement.prepaid}
    return {
        "buyer_id": statement.buyer_id,
        "buyer": statement.buyer.name,
        "currency": statement.currency,
        "timezone": statement.timezone,
        "from": statement.start,
        "to": statement.end,
        **{
            name: {
                "opening": side.opening,
                "entries": [asdict(entry) for entry in side.entries],
                "closing": side.closing,
            }
            for name, side in sides.items()
        },
        "open_invoices": [asdict(item) for item in statement.open_items],
        "on_no_invoice": statement.apart,
    }
