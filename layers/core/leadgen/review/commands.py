"""What waits for a person, and a person's verdict on it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.delivery import commands as delivery_commands
from leadgen.delivery.domain import verdicts
from leadgen.delivery.service import history
from leadgen.delivery.service.history import Story
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock
from leadgen.platform.messaging import queues
from leadgen.review import domain, service
from leadgen.review.service import Decided
from leadgen.review.store import leads
from leadgen.review.store.leads import LeadInReview
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, actor, connection, environment, number
from leadgen.terminal.tables import columns, folded, minute, printable, unbroken

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers
from leadgen.buyers import store as buyers_store
from leadgen.terminal.command import USER_AGENT

_MOST = 1000
_SHORT = 8
_OF_LEADS = ("release", "reject")


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "review",
        help="what waits for a person, and a verdict on it",
        usage="leadgen review [-h]\n"
        "       leadgen review DELIVERY_ID [VERDICT] [--buyer ID_OR_EMAIL] [--reason TEXT]\n"
        "       leadgen review --lead LEAD_ID release|reject [--reason TEXT]",
        description="Without an argument, list the deliveries and leads that wait for a person; with a DELIVERY_ID "
        "(its beginning will do), show what was tried. The verdicts on a delivery: redeliver (to its buyer, again from "
        "the start), assign (to --buyer instead), return (to all the other buyers), reject (nobody gets it), "
        "succeeded (the buyer has it: it is billed). On a lead: release or reject. The same twice does nothing more.",
        epilog=f"{DATABASE} LEADGEN_ACTOR names who decides, for the audit trail.",
    )
    parser.add_argument("what", nargs="?", metavar="DELIVERY_ID", help="the delivery, or the first digits of its id")
    parser.add_argument("verdict", nargs="?", metavar="VERDICT", help="one of those above")
    parser.add_argument("--buyer", metavar="ID_OR_EMAIL", help="whom to assign the lead to")
    parser.add_argument("--lead", type=number, metavar="LEAD_ID", help="a lead that waits, instead of a delivery")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")
    parser.set_defaults(run=_review)


def _review(options: argparse.Namespace) -> int:
    environ = environment()
    who = Actor(actor(environ), user_agent=USER_AGENT)
    try:
        with connection(environ) as conn:
            if options.lead is not None:
                said = _on_lead(conn, options, who)
            elif options.what is None:
                said = _waiting(conn)
            elif options.verdict is None:
                said = [line for part in _one(_story(conn, options.what)) for line in folded(part)]
            else:
                said = _on_delivery(conn, options, who)
    except Refusal as refusal:
        raise CommandFailed(refusal.message) from None
    for line in said:
        print(line)
    return DONE


def _waiting(conn: Connection[Any]) -> list[str]:
    stories = history.in_review(conn, limit=_MOST)
    held = leads.waiting(conn, limit=_MOST)
    if not stories and not held:
        return ["Nothing waits for a person."]
    return [*_deliveries(stories), *([""] if stories and held else []), *_leads(held)]


def _deliveries(stories: Sequence[Story]) -> list[str]:
    if not stories:
        return []
    rows = [
        (
            story.delivery.delivery_id[:_SHORT],
            str(story.delivery.lead_id),
            f"{printable(story.delivery.buyer)} ({story.delivery.buyer_id})",
            unbroken(minute(story.delivery.settled_at or story.delivery.created_at)),
            str(len(story.attempts)),
            _why(story),
        )
        for story in stories
    ]
    return [_head("Deliveries", stories), *columns(("DELIVERY", "LEAD", "BUYER", "SINCE (UTC)", "TRIED", "WHY"), rows)]


def _head(what: str, listed: Sequence[object]) -> str:
    return f"{what} in review{f', the {_MOST:,} that wait longest' if len(listed) == _MOST else ''}:"


def _why(story: Story) -> str:
    delivery = story.delivery
    reason = delivery.review_reason or ""
    why = verdicts.REVIEW_REASONS.get(reason, reason)
    said = f'; its reason: "{printable(delivery.rejection)}"' if delivery.rejection else ""
    unknown = "; outcome unknown" if delivery.outcome_unknown and reason != "outcome_unknown" else ""
    last = (
        f"; last by {story.attempts[-1].channel}{delivery_commands.cause(story.attempts[-1])}" if story.attempts else ""
    )
    return f"{why}{said}{last}{unknown}"


def _leads(held: Sequence[LeadInReview]) -> list[str]:
    if not held:
        return []
    rows = [
        (
            str(lead.lead_id),
            printable(lead.offer),
            unbroken(minute(lead.since)),
            lead.status,
            printable(f"{lead.reason}: {lead.detail}" if lead.detail else lead.reason),
        )
        for lead in held
    ]
    return [_head("Leads", held), *columns(("LEAD", "OFFER", "SINCE (UTC)", "STATUS", "WHY"), rows)]


def _one(story: Story) -> Iterator[str]:
    yield f"Lead {story.delivery.lead_id}, {printable(story.delivery.offer)}"
    yield from delivery_commands.lines(story, minute)
    possible = verdicts.possible(story.delivery)
    if possible:
        yield ""
        yield f"Possible: {', '.join(possible)}"


def _story(conn: Connection[Any], written: str) -> Story:
    return history.load(conn, [delivery_commands.named(conn, written)])[0]


def _on_delivery(conn: Connection[Any], options: argparse.Namespace, who: Actor) -> list[str]:
    if options.verdict in verdicts.NAMES_OF_BEFORE:
        print(f"{options.verdict!r} is now {verdicts.NAMES_OF_BEFORE[options.verdict]!r}", file=sys.stderr)
        options.verdict = verdicts.NAMES_OF_BEFORE[options.verdict]
    if options.verdict not in verdicts.NAMES:
        raise CommandFailed(f"{options.verdict!r} is no verdict on a delivery: {', '.join(verdicts.NAMES)}")
    if (options.verdict == "assign") != (options.buyer is not None):
        raise CommandFailed("--buyer names whom to assign the lead to: it goes with assign, and with nothing else")
    delivery = _story(conn, options.what).delivery
    fields: dict[str, object] = {"verdict": options.verdict, "reason": options.reason}
    to = ""
    if options.buyer is not None:
        buyer = buyers_store.find_buyer(conn, options.buyer)
        if buyer is None:
            raise CommandFailed(f"there is no buyer {options.buyer}: name one by its id or its e-mail address")
        fields["buyer_id"] = buyer.buyer_id
        to = f"{printable(buyer.name)} ({buyer.buyer_id})"
    with conn.transaction():
        decided = service.on_delivery(conn, delivery.delivery_id, verdicts.read(fields), who, now=clock.now())
        if decided.events:
            queues.announce(conn, decided.events)
    said = _said(decided, f"{printable(delivery.buyer)} ({delivery.buyer_id})", to)
    return [*said, *(delivery_commands.about_endpoint(delivery) if options.verdict == "redeliver" else [])]


def _said(decided: Decided, buyer: str, to: str) -> list[str]:
    if decided.is_repeated:
        return ["This was said before and nothing has happened since: nothing is done."]
    lead = f"Lead {decided.lead_id}"
    done = {
        "redeliver": f"{lead} is under way to {buyer} again, under the same delivery id.",
        "assign": f"{lead} is taken back from {buyer} and offered to {to} alone; if the terms of that one do not "
        "allow it, it waits for a person again.",
        "return": f"{lead} is taken back from {buyer}; the other buyers are asked.",
        "reject": f"{lead} is rejected: nobody gets it, and {buyer} owes nothing for it.",
        "succeeded": f"{lead} is {buyer}'s: it is billed.",
    }[decided.verdict]
    unknown = decided.outcome_unknown and decided.verdict in ("assign", "return")
    said = [done, *([f"The outcome was unknown: {buyer} may have it all the same."] if unknown else [])]
    return [line for part in said for line in folded(part)]


def _on_lead(conn: Connection[Any], options: argparse.Namespace, who: Actor) -> list[str]:
    if options.what not in _OF_LEADS or options.verdict is not None or options.buyer is not None:
        raise CommandFailed("--lead goes with one verdict, release or reject: leadgen review --lead 17 release")
    verdict = domain.read({"verdict": options.what, "reason": options.reason})
    with conn.transaction():
        decided = service.on_lead(conn, options.lead, verdict, who, now=clock.now())
        queues.announce(conn, [decided.event])
    return [f"Lead {decided.lead_id} {'goes on' if verdict.verdict == 'release' else 'is rejected'}."]
