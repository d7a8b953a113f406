"""``leadgen buyer token``: API tokens of buyers."""

import argparse
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, CommandFailed, describe, number

_LONGEST_DAYS = 366


def token_command(parser: argparse.ArgumentParser) -> None:
    """Print an API token for a buyer."""
    describe(
        parser,
        "Print an API token with which a buyer sees its money, returns leads and disputes invoices. It is signed with "
        "SECRET_KEY and valid until it expires: it cannot be revoked.",
        examples=["leadgen buyer token crm@buyer.example --days 90"],
        notes=[ACTOR, DATABASE],
    )
    money_command.buyer_argument(parser)
    parser.add_argument(
        "--days", type=number, default=30, metavar="N", help=f"how long it is valid, 1 to {_LONGEST_DAYS} days (30)"
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
