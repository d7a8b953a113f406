"""``leadgen refund``: money of payments goes back."""

import argparse
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money
from leadgen.payments.commands import entry
from leadgen.payments.domain import entries as payments_entries
from leadgen.payments.service import entries as payments_entries_service
from leadgen.payments.service.refunds import Refunding
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, describe, number


def create_command(parser: argparse.ArgumentParser) -> None:
    """Refund money of a payment."""
    describe(
        parser,
        "Refund money of a payment from the buyer's wallet. Money that the payment provider received is refunded by "
        "the provider, as soon as its function has run; any other refund counts as paid now. What was paid for an "
        "invoice is in the wallet once the invoice's leads are credited.",
        examples=["leadgen refund create 7 45.00 --reason 'account closed'"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("payment", type=number, metavar="PAYMENT", help="its id, from `leadgen payment list`")
    parser.add_argument("amount", metavar="AMOUNT", help="in the payment's currency, such as 45.00")
    parser.add_argument("--reference", metavar="TEXT", help="the number of the transfer or the check")
    parser.add_argument("--key", metavar="KEY", help="with the same key twice, one refund is made")
    money_command.reason(parser)
    parser.set_defaults(run=_create)


def _create(options: argparse.Namespace) -> int:
    given = {"amount": options.amount, "reason": options.reason, "reference": options.reference}

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Refunding:
        wanted = payments_entries.read_refund({k: v for k, v in given.items() if v is not None})
        return payments_entries_service.refund(
            conn, options.payment, wanted, key=entry.key(options), actor=who, now=now
        )

    made = money_command.carry_out(work)
    what = f"Refund {made.refund_id} of {money.shown(made.amount, made.currency)}"
    if made.is_repeated:
        print(f"{what} is recorded under this key already, {made.status}: nothing is done.")
    else:
        print(f"{what} is {'paid' if made.status == 'succeeded' else 'on its way to the provider'}.")
    return DONE
