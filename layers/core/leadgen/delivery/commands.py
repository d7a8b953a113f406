"""``leadgen delivery show``: a delivery as a person reads it, with the outcome of every attempt."""

import argparse
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from leadgen.delivery.domain import verdicts
from leadgen.delivery.domain.verdicts import Delivery
from leadgen.delivery.service import history
from leadgen.delivery.service.history import DeliveryHistory
from leadgen.delivery.store import history as delivery_history
from leadgen.delivery.store.history import RecordedAttempt
from leadgen.platform.egress.urls import without_query
from leadgen.terminal.command import DONE, CommandFailed, describe
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns, folded, minute, printable, unbroken

_ID = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}")


def named(conn: Connection[Any], written: str) -> str:
    """The id of the delivery that a person names by its id or the first digits of it. Raises CommandFailed."""
    digits = written.strip().lower()
    if not _ID.fullmatch(digits) or len(plain := digits.replace("-", "")) > 32:
        raise CommandFailed(f"{written!r} is no delivery's id, nor the first digits of one (four at least)")
    found = delivery_history.beginning_with(
        conn, str(UUID(plain.ljust(32, "0"))), str(UUID(plain.ljust(32, "f"))), limit=2
    )
    if not found:
        raise CommandFailed(f"there is no delivery {written}")
    if len(found) > 1:
        raise CommandFailed(f"several deliveries' ids begin with {written}: write more of it")
    return found[0]


def delivery_argument(parser: argparse.ArgumentParser) -> None:
    """The argument that names a delivery."""
    parser.add_argument("delivery_id", metavar="DELIVERY", help="its id, or the first digits of it (four at least)")


def show_command(parser: argparse.ArgumentParser) -> None:
    """Show a delivery and its attempts."""
    describe(
        parser,
        "Show a delivery, each attempt to send it, and the verdicts that are possible if it is in review.",
        examples=["leadgen delivery show 3f2a91c4"],
    )
    delivery_argument(parser)
    parser.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        (delivery_history,) = history.load(conn, [named(conn, options.delivery_id)])
    for part in _shown(delivery_history):
        print("\n".join(folded(part)))
    return DONE


def _shown(delivery_history: DeliveryHistory) -> Iterator[str]:
    yield f"Lead {delivery_history.delivery.lead_id}, {printable(delivery_history.delivery.offer)}"
    yield from lines(delivery_history, minute)
    possible = verdicts.possible(delivery_history.delivery)
    if possible:
        yield ""
        yield f"Possible: {', '.join(possible)} (`leadgen review --help`)"


def lines(delivery_history: DeliveryHistory, written: Callable[[datetime], str]) -> Iterator[str]:
    """Its lines; ``written`` formats an instant."""
    delivery = delivery_history.delivery
    buyer = f"{printable(delivery.buyer)} ({delivery.buyer_id})"
    yield f"Delivery {delivery.delivery_id} to {buyer}: {verdicts.state(delivery)}"
    if delivery.status == "pending" and delivery.next_attempt_at is not None:
        yield f"The next attempt is due {written(delivery.next_attempt_at)}, by {delivery.channel}."
    if delivery.rejection is not None:
        yield f"The buyer's reason: {printable(delivery.rejection)}"
    if delivery.reference is not None:
        yield f"The buyer's reference: {printable(delivery.reference)}"
    if delivery.outcome_unknown and delivery.review_reason != "outcome_unknown":
        yield "Outcome unknown: the buyer may have received an earlier attempt."
    yield from about_endpoint(delivery)
    if delivery.verdict is not None and delivery.verdict_at is not None:
        to = "" if delivery.verdict_buyer_id is None else f" to buyer {delivery.verdict_buyer_id}"
        yield f"{printable(delivery.verdict_by or '')} decided {written(delivery.verdict_at)}: {delivery.verdict}{to}"
    if not delivery_history.attempts:
        yield "No attempt was made yet."
        return
    yield ""
    yield from columns(
        ("WHEN", "CHANNEL", "TOOK", "OUTCOME"),
        [
            (
                unbroken(written(made.started_at)),
                made.channel,
                _took(made),
                f"{verdicts.OUTCOMES[made.outcome]}{cause(made)}",
            )
            for made in delivery_history.attempts
        ],
    )


def about_endpoint(delivery: Delivery) -> Iterator[str]:
    """What stands in the way of calling the endpoint that was called last; nothing where nothing does."""
    if delivery.endpoint_url is None or delivery.endpoint_state == "closed":
        return
    reason = f": {printable(delivery.endpoint_reason)}" if delivery.endpoint_reason else ""
    yield f"Its endpoint {without_query(delivery.endpoint_url)} is {delivery.endpoint_state}{reason}"
    if delivery.endpoint_state == "gone":
        yield f"No call is made until its URL changes, or `leadgen endpoint reset {delivery.endpoint_id}` runs."


def _took(made: RecordedAttempt) -> str:
    return "-" if made.milliseconds is None else f"{made.milliseconds:,} ms"


def cause(made: RecordedAttempt) -> str:
    """What an attempt's outcome rests on, in brackets."""
    why = made.error or (None if made.http_status is None else f"status {made.http_status}")
    return "" if why is None else f" ({printable(why)})"
