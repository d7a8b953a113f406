"""``leadgen wallet``: money that buyers prepaid."""

import argparse
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money
from leadgen.payments.commands import entry
from leadgen.payments.service import entries as payments_entries_service
from leadgen.payments.service.receipts import Receipt
from leadgen.receivables.commands import lookup
from leadgen.receivables.service import wallet_draws
from leadgen.receivables.service.wallet_draws import Drawn
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, describe


def top_up_command(parser: argparse.ArgumentParser) -> None:
    """Record money that a buyer prepaid."""
    describe(
        parser,
        "Record money that a buyer prepaid. It settles debts from chargebacks first; the rest goes to the wallet.",
        examples=["leadgen wallet top-up crm@buyer.example 500.00 --reference 'wire 881'"],
        notes=[ACTOR, DATABASE],
    )
    money_command.buyer_argument(parser)
    parser.add_argument("amount", metavar="AMOUNT", help="in the buyer's currency, such as 45.00")
    entry.arguments(parser)
    parser.set_defaults(run=_top_up)


def pay_command(parser: argparse.ArgumentParser) -> None:
    """Pay an invoice from its buyer's wallet."""
    describe(
        parser,
        "Pay as much of an invoice as its buyer's wallet holds.",
        examples=["leadgen wallet pay INV-000012"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    parser.set_defaults(run=_pay)


def _top_up(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Receipt:
        buyer_id = money_command.buyer(conn, options.buyer)
        return payments_entries_service.top_up(
            conn, buyer_id, entry.read(options, now), key=entry.key(options), actor=who, now=now
        )

    entry.show(money_command.carry_out(work), None)
    return DONE


def _pay(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Drawn:
        return wallet_draws.draw(conn, lookup.invoice(conn, options.invoice), actor=who, now=now)

    drawn = money_command.carry_out(work)
    paid, left = (money.shown(one, drawn.currency) for one in (drawn.amount, drawn.wallet))
    print(f"{paid} of the wallet paid; the invoice is {drawn.invoice_status}, {left} left.")
    return DONE
