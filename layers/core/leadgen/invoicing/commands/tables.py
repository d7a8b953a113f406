"""Invoices as a terminal shows them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from leadgen.invoicing.service.run import Run
from leadgen.invoicing.store import failures as invoicing_failures
from leadgen.invoicing.store import invoices
from leadgen.kernel import money
from leadgen.platform import clock
from leadgen.receivables.domain.settlement import PAYABLE_ONLINE
from leadgen.receivables.store import dunning
from leadgen.receivables.store.invoices import InvoiceHead
from leadgen.terminal.tables import columns, minute, printable, unbroken


def written(found: Sequence[InvoiceHead], *, next_only: bool) -> list[str]:
    """A table of what a run has written; with ``next_only`` what would be, which has no numbers yet."""
    if not found:
        return []
    rows = [
        (
            _named(one, next_only),
            f"{printable(one.buyer)} ({one.buyer_id})",
            printable(one.offer),
            unbroken(_period(one)),
            one.currency,
            f"{one.total_leads:,}",
            *(
                _amount(one, name).removesuffix(f"\N{NO-BREAK SPACE}{one.currency}")
                for name in ("subtotal", "tax_amount", "wallet_applied", "amount_due")
            ),
        )
        for one in found
    ]
    head = ("INVOICE", "BUYER", "OFFER", "PERIOD", "IN", "LEADS", "SUBTOTAL", "TAX", "PREPAID", "DUE")
    return columns(head, rows, left=5)


def summary(done: Run, is_dry: bool) -> list[str]:
    """What a run did, or would."""
    if not (done.issued or done.drafted or done.failed):
        return ["Nothing is due an invoice."]
    would = "would be " if is_dry else ""
    parts = [f"{done.issued:,} {would}issued"]
    if done.drafted:
        parts.append(f"{done.drafted:,} {would}drafted, for approval")
    if done.failed:
        parts.append(f"{done.failed:,} {'buyer' if done.failed == 1 else 'buyers'} failed: see `leadgen invoice list`")
    return [f"{'; '.join(parts)}.{' Nothing is changed.' if is_dry else ''}"]


def listed(found: Sequence[InvoiceHead]) -> list[str]:
    """A table of invoices."""
    if not found:
        return ["There are no such invoices."]
    rows = [
        (
            str(one.invoice_id),
            one.invoice_number or "",
            _status(one),
            f"{printable(one.buyer)} ({one.buyer_id})",
            _on(one, one.due_date),
            f"{one.total_leads:,}",
            _amount(one, "total_amount"),
            _amount(one, "amount_due"),
        )
        for one in found
    ]
    return columns(("ID", "NUMBER", "STATUS", "BUYER", "DUE ON", "LEADS", "TOTAL", "DUE"), rows, left=5)


def failing(failures: Sequence[invoicing_failures.Failure]) -> list[str]:
    """A table of the buyers whose invoices fail; nothing where there are none."""
    if not failures:
        return []
    rows = [
        (f"{printable(one.buyer)} ({one.buyer_id})", unbroken(minute(one.failed_at)), str(one.failures), one.error)
        for one in failures
    ]
    return ["", "Buyers whose invoices fail:", *columns(("BUYER", "LAST (UTC)", "RUNS", "WHY"), rows)]


def head(invoice: InvoiceHead) -> Iterator[str]:
    """An invoice's own lines."""
    name = f"Invoice {invoice.invoice_number}" if invoice.invoice_number else "Draft"
    yield f"{name} ({invoice.invoice_id}) to {printable(invoice.buyer)} ({invoice.buyer_id}): {_status(invoice)}"
    yield f"For {printable(invoice.offer)}, {_period(invoice)} ({invoice.timezone}), {_leads(invoice.total_leads)}"
    if invoice.issued_at is not None:
        yield f"Issued {minute(invoice.issued_at)} UTC, due on {_on(invoice, invoice.due_date)}"
    parts = (
        ("subtotal", "subtotal"),
        ("tax", "tax_amount"),
        ("total", "total_amount"),
        ("prepaid", "wallet_applied"),
        ("paid", "amount_paid"),
        ("credited", "amount_credited"),
        ("written off", "amount_written_off"),
        ("due", "amount_due"),
    )
    always = ("subtotal", "total", "due")
    yield ", ".join(
        f"{name} {_amount(invoice, field)}" for name, field in parts if name in always or getattr(invoice, field)
    ).replace("\N{NO-BREAK SPACE}", " ")
    if invoice.resolution_notes is not None:
        yield f"Remark: {printable(invoice.resolution_notes)}"


def lines(invoice: InvoiceHead, found: Sequence[invoices.InvoiceLine]) -> list[str]:
    """A table of its leads."""
    rows = [
        (str(line.lead_id), unbroken(minute(line.delivered_at)), unbroken(money.shown(line.amount, invoice.currency)))
        for line in found
    ]
    return columns(("LEAD", "DELIVERED (UTC)", "AMOUNT"), rows, left=2) if rows else []


def settled(invoice: InvoiceHead, found: Sequence[invoices.Settled]) -> list[str]:
    """A table of what changed what it is owed."""
    rows = [
        (
            unbroken(minute(one.settled_at)),
            one.kind.replace("_", " "),
            _by(one),
            unbroken(money.shown(one.amount, invoice.currency)),
        )
        for one in found
    ]
    return columns(("SETTLED (UTC)", "BY", "WHICH", "AMOUNT"), rows, left=3) if rows else []


def _by(settled: invoices.Settled) -> str:
    """By which payment, credit note or chargeback, as their own commands name them."""
    if settled.credit_note is not None:
        return settled.credit_note
    return next((str(one) for one in (settled.payment_id, settled.chargeback_id) if one is not None), "")


def reminded(notices: Sequence[dunning.Notice]) -> list[str]:
    """A table of its reminders."""
    rows = [
        (
            f"{one.step:+d} days" if one.step else "due day",
            one.status,
            unbroken(minute(one.sent_at or one.created_at)),
            one.error or "",
        )
        for one in notices
    ]
    return columns(("REMINDER", "STATUS", "SINCE (UTC)", "WHY"), rows) if rows else []


def _named(invoice: InvoiceHead, next_only: bool) -> str:
    if invoice.status == "draft":
        return "draft"
    return "next" if next_only else invoice.invoice_number or ""


def _period(invoice: InvoiceHead) -> str:
    """The days of the market that the period touches."""
    zone = ZoneInfo(invoice.timezone)
    first = invoice.period_start.astimezone(zone)
    last = (invoice.period_end - timedelta(microseconds=1)).astimezone(zone)
    end = f"{last:%m-%d}" if first.year == last.year else f"{last:%Y-%m-%d}"
    return f"{first:%Y-%m-%d} – {end}"


def _leads(count: int) -> str:
    return "1 lead" if count == 1 else f"{count:,} leads"


def _amount(invoice: InvoiceHead, name: str) -> str:
    return unbroken(money.shown(getattr(invoice, name), invoice.currency))


def _status(invoice: InvoiceHead) -> str:
    promised = invoice.promised_until
    if promised is None or invoice.status not in PAYABLE_ONLINE or promised <= clock.now():
        return invoice.status
    return f"{invoice.status}, promised by {_on(invoice, promised - timedelta(microseconds=1))}"


def _on(invoice: InvoiceHead, at: datetime) -> str:
    return unbroken(f"{at.astimezone(ZoneInfo(invoice.timezone)):%Y-%m-%d}")
