"""Tokens with which buyers see and decide about their own."""

import argparse
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.terminal import money_command
from leadgen.terminal.command import DONE, CommandFailed, number
from leadgen.terminal.money_command import EPILOG

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_LONGEST_DAYS = 366


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "buyer-token",
        help="a token with which a buyer sees and decides about its own",
        description="Print a token with which a buyer sees its money, gives leads back and disputes invoices. It is "
        "signed with SECRET_KEY, and good until it expires: it cannot be taken back.",
        epilog=EPILOG,
    )
    parser.add_argument("buyer", metavar="BUYER", help="its id or e-mail address")
    parser.add_argument(
        "--days", type=number, default=30, metavar="N", help=f"how long, 1 to {_LONGEST_DAYS} days (30)"
    )
    parser.set_defaults(run=_issue)


def _issue(options: argparse.Namespace) -> int:
    if not 1 <= options.days <= _LONGEST_DAYS:
        raise CommandFailed(f"--days must be from 1 to {_LONGEST_DAYS}")
    secret = _secret_key()

    def work(conn: Connection[Any], who: Actor, now: datetime) -> str:
        buyer_id = money_command.buyer(conn, options.buyer)
        audit_trail_service.record(conn, who, "buyer.token", ("buyer", buyer_id), None, {"days": options.days}, now=now)
        lifetime = timedelta(days=options.days)
        subject = f"buyer:{buyer_id}"
        return tokens.issue(secret, subject=subject, role="buyer", now=now, lifetime=lifetime, buyer_id=buyer_id)

    print(money_command.carry_out(work))
    return DONE


def _secret_key() -> str:
    """SECRET_KEY, or that of the embedded stack of this place. Raises CommandFailed."""
    if os.environ.get("SECRET_KEY"):
        return os.environ["SECRET_KEY"]
    file = Path(os.environ.get("LEADGEN_STATE") or ".local") / "secret_key"
    try:
        return file.read_text().strip()
    except OSError:
        raise CommandFailed(
            "no key to sign with: set SECRET_KEY as the functions have it, or start the embedded stack (there is no "
            f"{file})"
        ) from None
