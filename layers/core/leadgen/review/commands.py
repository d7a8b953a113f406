"""``leadgen review``: what waits for a person, and a person's verdict on it."""

import argparse
from collections.abc import Sequence

from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.delivery import commands as delivery_commands
from leadgen.delivery.domain import verdicts
from leadgen.delivery.service import history
from leadgen.delivery.service.history import DeliveryHistory
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock
from leadgen.platform.messaging import queues
from leadgen.review import domain, service
from leadgen.review.service import DeliveryDecided
from leadgen.review.store import leads
from leadgen.review.store.leads import LeadInReview
from leadgen.terminal.command import ACTOR, DATABASE, DONE, USER_AGENT, CommandFailed, actor, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns, folded, minute, printable, unbroken

_MOST = 1000
_SHORT = 8


def list_command(parser: argparse.ArgumentParser) -> None:
    """List the deliveries and leads that wait for a person."""
    describe(
        parser,
        "List the deliveries and the leads that wait for a person, those that wait longest first.",
        examples=["leadgen review list"],
    )
    parser.set_defaults(run=_list)


def release_command(parser: argparse.ArgumentParser) -> None:
    """Let a lead that is in review go on."""
    describe(
        parser,
        "Let a lead that is in review go on: it is routed to its buyers. The same again does nothing more.",
        examples=["leadgen review release 17 --reason 'the address is right'"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("lead_id", type=number, metavar="LEAD", help="the lead's id")
    _reason(parser)
    parser.set_defaults(run=_on_lead, verdict="release")


def reject_command(parser: argparse.ArgumentParser) -> None:
    """Reject a lead."""
    describe(
        parser,
        "Reject the lead of a delivery that is in review, or with --lead a lead that is in review itself. No buyer "
        "gets the lead, and nobody is charged. The same again does nothing more.",
        examples=["leadgen review reject 3f2a91c4 --reason 'made-up person'", "leadgen review reject --lead 17"],
        notes=[ACTOR, DATABASE],
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "delivery_id", nargs="?", metavar="DELIVERY", help="the delivery's id, or the first digits of it"
    )
    which.add_argument("--lead", dest="lead_id", type=number, metavar="LEAD", help="a lead instead of a delivery")
    _reason(parser)
    parser.set_defaults(run=_reject, verdict="reject", buyer=None)


def redeliver_command(parser: argparse.ArgumentParser) -> None:
    """Send the delivery to its buyer again."""
    _on_delivery_command(
        parser,
        "redeliver",
        "Send the delivery to its buyer again, from the first attempt on.",
        "leadgen review redeliver 3f2a91c4",
    )


def assign_command(parser: argparse.ArgumentParser) -> None:
    """Offer the lead to one other buyer."""
    _on_delivery_command(
        parser,
        "assign",
        "Withdraw the lead from the delivery's buyer, and offer it to one other buyer alone.",
        "leadgen review assign 3f2a91c4 --buyer crm@buyer.example",
    )
    parser.add_argument("--buyer", required=True, metavar="BUYER", help="the other buyer's id or e-mail address")


def return_command(parser: argparse.ArgumentParser) -> None:
    """Offer the lead to all the other buyers."""
    _on_delivery_command(
        parser,
        "return",
        "Withdraw the lead from the delivery's buyer, and route it to all the other buyers.",
        "leadgen review return 3f2a91c4",
    )


def succeeded_command(parser: argparse.ArgumentParser) -> None:
    """Confirm that the buyer has the lead."""
    _on_delivery_command(
        parser,
        "succeeded",
        "Confirm that the delivery succeeded: the buyer has the lead, and is charged for it.",
        "leadgen review succeeded 3f2a91c4 --reason 'the buyer confirmed by phone'",
    )


def _on_delivery_command(parser: argparse.ArgumentParser, verdict: verdicts.Name, text: str, example: str) -> None:
    describe(parser, f"{text} The same again does nothing more.", examples=[example], notes=[ACTOR, DATABASE])
    delivery_commands.delivery_argument(parser)
    _reason(parser)
    parser.set_defaults(run=_on_delivery, verdict=verdict, buyer=None)


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        histories = history.in_review(conn, limit=_MOST)
        held = leads.waiting(conn, limit=_MOST)
    if not histories and not held:
        print("Nothing waits for a person.")
    for line in [*_deliveries(histories), *([""] if histories and held else []), *_leads(held)]:
        print(line)
    return DONE


def _deliveries(histories: Sequence[DeliveryHistory]) -> list[str]:
    if not histories:
        return []
    rows = [
        (
            delivery_history.delivery.delivery_id[:_SHORT],
            str(delivery_history.delivery.lead_id),
            f"{printable(delivery_history.delivery.buyer)} ({delivery_history.delivery.buyer_id})",
            unbroken(minute(delivery_history.delivery.settled_at or delivery_history.delivery.created_at)),
            str(len(delivery_history.attempts)),
            _why(delivery_history),
        )
        for delivery_history in histories
    ]
    return [
        _head("Deliveries", histories),
        *columns(("DELIVERY", "LEAD", "BUYER", "SINCE (UTC)", "TRIED", "WHY"), rows),
    ]


def _head(what: str, listed: Sequence[object]) -> str:
    return f"{what} in review{f', the {_MOST:,} that wait longest' if len(listed) == _MOST else ''}:"


def _why(delivery_history: DeliveryHistory) -> str:
    delivery = delivery_history.delivery
    reason = delivery.review_reason or ""
    why = verdicts.REVIEW_REASONS.get(reason, reason)
    reason_given = f' ("{printable(delivery.rejection)}")' if delivery.rejection else ""
    unknown = "; outcome unknown" if delivery.outcome_unknown and reason != "outcome_unknown" else ""
    last = (
        f"; last by {delivery_history.attempts[-1].channel}{delivery_commands.cause(delivery_history.attempts[-1])}"
        if delivery_history.attempts
        else ""
    )
    return f"{why}{reason_given}{last}{unknown}"


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


def _reject(options: argparse.Namespace) -> int:
    return _on_lead(options) if options.delivery_id is None else _on_delivery(options)


def _on_delivery(options: argparse.Namespace) -> int:
    environ = environment()
    who = Actor(actor(environ), user_agent=USER_AGENT)
    fields: dict[str, object] = {"verdict": options.verdict, "reason": options.reason}
    to = ""
    try:
        with connection(environ) as conn:
            (delivery_history,) = history.load(conn, [delivery_commands.named(conn, options.delivery_id)])
            delivery = delivery_history.delivery
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
    except Refusal as refusal:
        raise CommandFailed(refusal.message) from None
    done = _done(decided, f"{printable(delivery.buyer)} ({delivery.buyer_id})", to)
    for line in [*done, *(delivery_commands.about_endpoint(delivery) if options.verdict == "redeliver" else [])]:
        print(line)
    return DONE


def _done(decided: DeliveryDecided, buyer: str, to: str) -> list[str]:
    if decided.is_repeated:
        return ["This verdict was given before, and nothing has happened since: nothing is done."]
    lead = f"Lead {decided.lead_id}"
    done = {
        "redeliver": f"{lead} is being sent to {buyer} again, under the same delivery id.",
        "assign": f"{lead} is withdrawn from {buyer} and offered to {to} alone; if that buyer's terms do not allow it, "
        "it waits for a person again.",
        "return": f"{lead} is withdrawn from {buyer} and routed to the other buyers.",
        "reject": f"{lead} is rejected: no buyer gets it, and {buyer} owes nothing for it.",
        "succeeded": f"{lead} belongs to {buyer}: it is billed.",
    }[decided.verdict]
    unknown = decided.outcome_unknown and decided.verdict in ("assign", "return")
    parts = [done, *([f"The outcome was unknown: {buyer} may have received it all the same."] if unknown else [])]
    return [line for part in parts for line in folded(part)]


def _on_lead(options: argparse.Namespace) -> int:
    environ = environment()
    who = Actor(actor(environ), user_agent=USER_AGENT)
    try:
        verdict = domain.read({"verdict": options.verdict, "reason": options.reason})
        with connection(environ) as conn, conn.transaction():
            decided = service.on_lead(conn, options.lead_id, verdict, who, now=clock.now())
            queues.announce(conn, [decided.event])
    except Refusal as refusal:
        raise CommandFailed(refusal.message) from None
    print(f"Lead {decided.lead_id} {'goes on' if verdict.verdict == 'release' else 'is rejected'}.")
    return DONE
