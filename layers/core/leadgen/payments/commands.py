"""Money that came in, and money that goes back."""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money, remarks
from leadgen.kernel.errors import Refusal
from leadgen.ledger import store as ledger_store
from leadgen.payments.domain import entries as payments_entries
from leadgen.payments.domain import payments as payments_domain
from leadgen.payments.domain.entries import PaymentEntry
from leadgen.payments.service import entries as payments_entries_service
from leadgen.payments.service import receipts
from leadgen.payments.service.receipts import Receipt
from leadgen.payments.service.refunds import Refunding
from leadgen.payments.store import payments as store
from leadgen.receivables.commands import lookup
from leadgen.receivables.service import wallet_draws, write_offs
from leadgen.receivables.service.wallet_draws import Drawn
from leadgen.receivables.service.write_offs import WrittenOff
from leadgen.terminal import money_command
from leadgen.terminal.command import DONE, CommandFailed, connection, environment, number
from leadgen.terminal.money_command import EPILOG, MOST, cell
from leadgen.terminal.tables import columns, minute, printable, unbroken

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "pay",
        help="record a payment of an invoice, list payments, or undo one",
        usage="leadgen pay [-h] [--buyer ID_OR_EMAIL]\n"
        "       leadgen pay INVOICE AMOUNT [--method METHOD] [--on DAY] [--reference TEXT] [--note TEXT] [--key KEY]\n"
        "       leadgen pay INVOICE --from-wallet\n"
        "       leadgen pay --undo PAYMENT_ID --reason TEXT",
        description="Record money that came in for an invoice; what it does not need is prepaid. Without an argument, "
        f"list the latest {MOST} payments. --undo takes one back that was entered by mistake, or a check that bounced.",
        epilog=EPILOG,
    )
    parser.add_argument("invoice", nargs="?", metavar="INVOICE", help="its number, such as INV-000012, or its id")
    parser.add_argument("amount", nargs="?", metavar="AMOUNT", help="in the buyer's currency, such as 45.00")
    _entry(parser)
    parser.add_argument("--from-wallet", action="store_true", help="pay what prepaid money can")
    parser.add_argument("--undo", type=number, metavar="PAYMENT_ID", help="take this payment back")
    parser.add_argument("--reason", metavar="TEXT", help="why it is taken back")
    parser.add_argument("--buyer", metavar="ID_OR_EMAIL", help="list only the payments of this buyer")
    parser.set_defaults(run=_pay)

    parser = commands.add_parser(
        "top-up",
        help="record money that a buyer prepaid",
        description="Record money that a buyer prepaid. It pays debts that chargebacks left first.",
        epilog=EPILOG,
    )
    parser.add_argument("buyer", metavar="BUYER", help="its id or e-mail address")
    parser.add_argument("amount", metavar="AMOUNT", help="in the buyer's currency, such as 45.00")
    _entry(parser)
    parser.set_defaults(run=_top_up)

    parser = commands.add_parser(
        "refund",
        help="give money of a payment back",
        description="Give money of a payment back, out of the buyer's wallet. What the provider received goes back by "
        "the provider, as soon as its function has run; anything else counts as paid now. What an invoice was paid is "
        "in the wallet once its leads are credited.",
        epilog=EPILOG,
    )
    parser.add_argument("payment", type=number, metavar="PAYMENT_ID", help="see `leadgen pay`")
    parser.add_argument("amount", metavar="AMOUNT", help="in the payment's currency, such as 45.00")
    parser.add_argument("--reference", metavar="TEXT", help="of the transfer or the check")
    parser.add_argument("--key", metavar="KEY", help="the same key twice gives money back once")
    money_command.reason(parser)
    parser.set_defaults(run=_refund)

    parser = commands.add_parser(
        "write-off",
        help="give up what is due of an invoice",
        description="Give up what is due of an invoice: it is cancelled, and keeps its number.",
        epilog=EPILOG,
    )
    parser.add_argument("invoice", metavar="INVOICE", help="its number, such as INV-000012, or its id")
    parser.add_argument("--undo", action="store_true", help="it is owed again")
    money_command.reason(parser)
    parser.set_defaults(run=_write_off)


def _entry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method", choices=payments_domain.METHODS, default="bank_transfer", help="how it came (bank_transfer)"
    )
    parser.add_argument("--on", metavar="DAY", help="when it came, such as 2026-06-17; now where it is not given")
    parser.add_argument("--reference", metavar="TEXT", help="of the transfer or the check")
    parser.add_argument("--note", metavar="TEXT", help="anything else")
    parser.add_argument("--key", metavar="KEY", help="the same key twice records one payment")


def _pay(options: argparse.Namespace) -> int:
    if options.undo is not None:
        return _undo(options)
    if options.invoice is None:
        return _list(options)
    if options.from_wallet:
        return _draw(options)
    if options.amount is None:
        raise CommandFailed("name an AMOUNT, or --from-wallet: leadgen pay INV-000012 45.00")

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Receipt:
        invoice_id = lookup.invoice(conn, options.invoice)
        return payments_entries_service.payment(
            conn, invoice_id, _read(options, now), key=_key(options), actor=who, now=now
        )

    _print(money_command.carry_out(work), options.invoice.upper())
    return DONE


def _top_up(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Receipt:
        buyer_id = money_command.buyer(conn, options.buyer)
        return payments_entries_service.top_up(
            conn, buyer_id, _read(options, now), key=_key(options), actor=who, now=now
        )

    _print(money_command.carry_out(work), None)
    return DONE


def _read(options: argparse.Namespace, now: datetime) -> PaymentEntry:
    given = {"amount": options.amount, "method": options.method, "received_at": options.on}
    given |= {"reference": options.reference, "note": options.note}
    try:
        return payments_entries.read_payment({k: v for k, v in given.items() if v is not None}, now=now)
    except Refusal as refusal:  # the command's option has a shorter name
        raise CommandFailed(refusal.message.replace("received_at:", "--on:")) from None


def _key(options: argparse.Namespace) -> str | None:
    return None if options.key is None else payments_entries.read_key(options.key)


def _print(receipt: Receipt, invoice: str | None) -> None:
    if receipt.is_repeated:
        print(f"Payment {receipt.payment_id} is on record under this key: nothing is done.")
        return
    parts = [(receipt.to_invoice, f"to invoice {invoice}"), (receipt.to_debt, "to debts of chargebacks"),
             (receipt.to_wallet, "prepaid")]  # fmt: skip
    told = ", ".join(f"{amount:,} {where}" for amount, where in parts if amount)
    then = f"; the invoice is {receipt.invoice_status}" if receipt.invoice_status else ""
    print(f"Payment {receipt.payment_id}: {told}{then}.")


def _draw(options: argparse.Namespace) -> int:
    if options.amount is not None:
        raise CommandFailed("--from-wallet pays what prepaid money can: it takes no AMOUNT")

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Drawn:
        return wallet_draws.draw(conn, lookup.invoice(conn, options.invoice), actor=who, now=now)

    drawn = money_command.carry_out(work)
    paid, left = (money.shown(one, drawn.currency) for one in (drawn.amount, drawn.wallet))
    print(f"{paid} of the wallet paid; the invoice is {drawn.invoice_status}, {left} left.")
    return DONE


def _undo(options: argparse.Namespace) -> int:
    if options.invoice is not None or options.reason is None:
        raise CommandFailed("--undo goes with --reason, and with nothing else: leadgen pay --undo 7 --reason 'bounced'")

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Receipt:
        return receipts.undo(conn, options.undo, reason=remarks.text(options.reason, "--reason"), actor=who, now=now)

    undone = money_command.carry_out(work)
    then = f"; its invoice is {undone.invoice_status}" if undone.invoice_status else ""
    print(f"Payment {undone.payment_id} {'was undone before' if undone.is_repeated else 'is undone'}{then}.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        buyer_id = None if options.buyer is None else money_command.buyer(conn, options.buyer)
        found = store.listed(conn, buyer_id=buyer_id, limit=MOST)
        account = None if buyer_id is None else ledger_store.money(conn, [buyer_id])[buyer_id]
    rows = [
        (
            str(one.payment_id),
            unbroken(minute(one.received_at or one.created_at)),
            str(one.buyer_id),
            one.invoice_number or "",
            one.method,
            one.status,
            printable(one.reference or one.error or ""),
            cell(one.amount, one.currency),
            cell(one.refunded + one.charged_back, one.currency) if one.refunded + one.charged_back else "",
        )
        for one in found
    ]
    head = ("ID", "AT (UTC)", "BUYER", "INVOICE", "METHOD", "STATUS", "REFERENCE", "AMOUNT", "WENT BACK")
    for line in columns(head, rows, left=7) if rows else ["There are no payments."]:
        print(line)
    if account is not None:
        owed, prepaid = (money.shown(one, account.currency) for one in (account.owed, account.wallet))
        print(f"Owed {owed}, prepaid {prepaid}.")
    return DONE


def _refund(options: argparse.Namespace) -> int:
    entry = {"amount": options.amount, "reason": options.reason, "reference": options.reference}

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Refunding:
        said = payments_entries.read_refund({k: v for k, v in entry.items() if v is not None})
        return payments_entries_service.refund(conn, options.payment, said, key=_key(options), actor=who, now=now)

    made = money_command.carry_out(work)
    what = f"Refund {made.refund_id} of {money.shown(made.amount, made.currency)}"
    if made.is_repeated:
        print(f"{what} is on record under this key, {made.status}: nothing is done.")
    else:
        print(f"{what} is {'paid' if made.status == 'succeeded' else 'on its way to the provider'}.")
    return DONE


def _write_off(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> WrittenOff:
        invoice_id = lookup.invoice(conn, options.invoice)
        do = write_offs.undo if options.undo else write_offs.write_off
        return do(conn, invoice_id, reason=remarks.text(options.reason, "--reason"), actor=who, now=now)

    done = money_command.carry_out(work)
    what = "owed again" if options.undo else "written off"
    print(f"{money.shown(done.amount, done.currency)} of invoice {done.number} is {what}: it is {done.invoice_status}.")
    return DONE
