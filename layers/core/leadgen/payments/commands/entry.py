"""A payment as options write it, and what became of it."""

import argparse
from datetime import datetime

from leadgen.kernel.errors import Refusal
from leadgen.payments.domain import entries as payments_entries
from leadgen.payments.domain import payments as payments_domain
from leadgen.payments.domain.entries import PaymentEntry
from leadgen.payments.service.receipts import Receipt
from leadgen.terminal.command import CommandFailed


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options for how and when it came, and a key."""
    parser.add_argument(
        "--method", choices=payments_domain.METHODS, default="bank_transfer", help="how it was paid (bank_transfer)"
    )
    parser.add_argument("--on", metavar="DAY", help="the day it arrived, such as 2026-06-17 (now)")
    parser.add_argument("--reference", metavar="TEXT", help="the number of the transfer or the check")
    parser.add_argument("--note", metavar="TEXT", help="a remark")
    parser.add_argument("--key", metavar="KEY", help="with the same key twice, one payment is recorded")


def read(options: argparse.Namespace, now: datetime) -> PaymentEntry:
    """The payment that the options describe. Raises CommandFailed."""
    given = {"amount": options.amount, "method": options.method, "received_at": options.on}
    given |= {"reference": options.reference, "note": options.note}
    try:
        return payments_entries.read_payment({k: v for k, v in given.items() if v is not None}, now=now)
    except Refusal as refusal:  # the command's option has a shorter name
        raise CommandFailed(refusal.message.replace("received_at:", "--on:")) from None


def key(options: argparse.Namespace) -> str | None:
    """The idempotency key. Raises Refusal."""
    return None if options.key is None else payments_entries.read_key(options.key)


def show(receipt: Receipt, invoice: str | None) -> None:
    """Print where the money went; ``invoice`` is the number that the person wrote."""
    if receipt.is_repeated:
        print(f"Payment {receipt.payment_id} is recorded under this key already: nothing is done.")
        return
    parts = [(receipt.to_invoice, f"to invoice {invoice}"), (receipt.to_debt, "to debts of chargebacks"),
             (receipt.to_wallet, "to the wallet")]  # fmt: skip
    where_to = ", ".join(f"{amount:,} {where}" for amount, where in parts if amount)
    then = f"; the invoice is {receipt.invoice_status}" if receipt.invoice_status else ""
    print(f"Payment {receipt.payment_id}: {where_to}{then}.")
