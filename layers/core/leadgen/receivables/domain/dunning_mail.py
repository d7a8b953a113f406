"""Composes the reminder mail: one table of a buyer's open invoices, with the link to pay each."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

from leadgen.billing.domain.terms import Seller
from leadgen.kernel import money
from leadgen.kernel.mail_page import BUTTON, CELL, MailText, line, page, shown
from leadgen.receivables.domain import dunning
from leadgen.receivables.domain.dunning import RemindableInvoice, Reminder

_IN_TIME = "If you have paid meanwhile, please disregard this mail."


def compose(reminder: Reminder, seller: Seller, pay_at: Callable[[int], str], *, now: datetime) -> MailText:
    """The mail as its buyer reads it; ``pay_at`` returns where an invoice, by its id, is paid."""
    title = _title(reminder, now)
    total = sum((invoice.due for invoice in reminder.invoices), Decimal(0))
    asked = money.shown(total, reminder.currency) + (" in all" if len(reminder.invoices) > 1 else "")
    return MailText(
        f"{title}, {asked}",
        _text(title, asked, reminder, seller, pay_at, now),
        page(title, asked, _table(reminder, pay_at, now) + _closing(seller)),
    )


def _title(reminder: Reminder, now: datetime) -> str:
    """By the latest of the invoices, whose reminders the mail is about first of all."""
    latest = max(dunning.days_over(invoice, now) for invoice in reminder.invoices)
    count = len(reminder.invoices)
    what = f"invoice {line(reminder.invoices[0].number)}" if count == 1 else f"{count} open invoices"
    if latest > 0:
        return f"Overdue: {what}"
    return f"Due today: {what}" if latest == 0 else f"Due soon: {what}"


def _state(invoice: RemindableInvoice, now: datetime) -> str:
    days = dunning.days_over(invoice, now)
    if days == 0:
        return "due today"
    return f"{_days(days)} overdue" if days > 0 else f"due in {_days(-days)}"


def _days(days: int) -> str:
    return f"{days} day" if days == 1 else f"{days} days"


def _due_day(invoice: RemindableInvoice) -> str:
    return f"{invoice.due_date.astimezone(ZoneInfo(invoice.timezone)):%Y-%m-%d}"


def _text(
    title: str, asked: str, reminder: Reminder, seller: Seller, pay_at: Callable[[int], str], now: datetime
) -> str:
    written = [title, asked, ""]
    for invoice in reminder.invoices:
        written += [
            f"{line(invoice.number)}: {money.shown(invoice.due, invoice.currency)}, "
            f"{_due_day(invoice)}, {_state(invoice, now)}",
            f"  Pay: {pay_at(invoice.invoice_id)}",
        ]
    return "\n".join([*written, "", _IN_TIME, "", *_signature(seller)]) + "\n"


def _signature(seller: Seller) -> list[str]:
    return [line(part) for part in (seller.legal_name, seller.email, seller.phone) if part is not None]


def _table(reminder: Reminder, pay_at: Callable[[int], str], now: datetime) -> str:
    head = "".join(
        f'<th class="label" scope="col" style="{CELL}color:#6b7280;font-weight:400;">{name}</th>'
        for name in ("Invoice", "Due", "Open", "")
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            f'<td class="value" style="{CELL}padding-right:12px;">{cell}</td>'
            for cell in (
                shown(line(invoice.number)),
                f"{_due_day(invoice)}<br>{_state(invoice, now)}",
                shown(money.shown(invoice.due, invoice.currency)),
                f'<a href="{escape(pay_at(invoice.invoice_id))}" style="{BUTTON}">Pay</a>',
            )
        )
        + "</tr>"
        for invoice in reminder.invoices
    )
    return f'<table style="width:100%;margin:12px 0 0;border-collapse:collapse;">\n<tr>{head}</tr>\n{rows}\n</table>\n'


def _closing(seller: Seller) -> str:
    signature = "<br>".join(shown(part) for part in _signature(seller))
    return f'<p class="label" style="margin:20px 0 0;color:#6b7280;">{_IN_TIME}</p>\n<p>{signature}</p>'
