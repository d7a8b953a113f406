"""``leadgen simulate``: recorded leads decided again under draft policies."""

import argparse
import json
import sys
import textwrap
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.kernel.trace import Json, plain
from leadgen.platform import clock
from leadgen.simulation.domain.simulation import BuyerChange, Compared, RoutingResult, SimulatedSale
from leadgen.simulation.service.simulate import Report, Scope, simulate
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.progress import Progress
from leadgen.terminal.tables import columns, room
from leadgen.terminal.times import instant, when

_LEAST_SECONDS = 0.2


def simulate_command(parser: argparse.ArgumentParser) -> None:
    """Decide recorded leads again under draft policies."""
    describe(
        parser,
        "Decide the recorded leads of a time again under draft policies, with caps, money and rotation carried along "
        "as they would have been, and report leads and money per buyer, now and under the draft, and the leads that "
        "change hands. Nothing is written. Without --policy, the policies in force at each decision are simulated, "
        "which must reproduce the record.",
        examples=[
            "leadgen simulate --since 30d --policy draft.yaml",
            "leadgen simulate --since 2026-06-01 --until 2026-07-01 --offer 'Emergency repairs' --json",
        ],
        notes=[
            "A draft file has offer, market (where several have the offer), and routing_policy or validation_policy "
            "or both, as config and rules of a configuration file. A draft is the whole policy: a rule that it leaves "
            "out does not apply. A whole configuration file drafts the policies of every offer in it, and nothing "
            "else: prices and terms are as recorded.",
            "A lead is tried when it was tried in the record; what a later attempt would have found is unknown. "
            "Payments are as recorded, and so are the buyers' answers and which leads were duplicates.",
            DATABASE,
        ],
    )
    parser.add_argument("--policy", default="live", metavar="FILE", help="the draft, or live (the default)")
    parser.add_argument(
        "--since", required=True, type=when, metavar="WHEN", help="30d, 12h, or a date and time (UTC without an offset)"
    )
    parser.add_argument("--until", type=when, metavar="WHEN", help="the end, not included (now)")
    parser.add_argument("--offer", metavar="NAME", help="only offers of this name")
    parser.add_argument("--market", metavar="NAME", help="only offers of this market")
    parser.add_argument("--changes", type=number, default=20, metavar="N", help="how many leads to list (20)")
    parser.add_argument("--json", action="store_true", help="print JSON, with every lead that changes hands")
    parser.set_defaults(run=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    now = clock.now()
    since, until = instant(options.since, now), instant(options.until, now) if options.until else now
    if since >= until:
        raise CommandFailed(f"--since {since.isoformat()} is not before --until {until.isoformat()}")
    environ = environment()
    policy = None if options.policy == "live" else Path(options.policy)
    began = clock.seconds()
    progress = Progress("deciding again")
    scope = Scope(since, until, options.offer, options.market)
    try:
        with connection(environ) as conn:
            report = simulate(conn, scope, policy, environ, progress.update)
    except ConfigurationInvalid as invalid:
        raise CommandFailed(str(invalid)) from None
    seconds = clock.seconds() - began
    rate = report.outcome.leads / max(seconds, _LEAST_SECONDS)
    sys.stderr.write(f"{report.outcome.leads:,} leads decided again in {seconds:.1f} s, {rate:,.0f} leads/s\n")
    if options.json:
        print(json.dumps(as_json(report), indent=2))
    else:
        print("\n".join(lines(report, most=options.changes)))
    return DONE


def as_json(report: Report) -> Json:
    """The whole report."""
    outcome = report.outcome
    return {
        "since": plain(report.since),
        "until": plain(report.until),
        "drafted": list(report.drafted),
        "leads": outcome.leads,
        "attempts": outcome.attempts,
        "unreadable": report.unreadable,
        "now_valid": report.now_valid,
        "unanswered": plain(report.unanswered),
        "buyers": [
            {"buyer_id": buyer_id, "name": report.buyers[buyer_id], "currency": currency, **_compared(compared)}
            for (buyer_id, currency), compared in outcome.buyers.items()
        ],
        "unsold": [
            {"reason": reason, "recorded": recorded, "draft": draft}
            for reason, (recorded, draft) in outcome.unsold.items()
        ],
        "repriced": outcome.repriced,
        "changes": [
            {
                "lead_id": change.lead_id,
                "offer": report.offers[change.offer_id],
                "currency": change.currency,
                "recorded": _result(change.recorded),
                "draft": _result(change.simulated),
            }
            for change in outcome.changes
        ],
    }


def _compared(compared: Compared) -> dict[str, Json]:
    return {"recorded": plain(compared.recorded), "draft": plain(compared.simulated)}


def _result(result: RoutingResult) -> Json:
    return (
        {"buyer_id": result.buyer_id, "price": str(result.price)}
        if isinstance(result, SimulatedSale)
        else {"unsold": result}
    )


def lines(report: Report, *, most: int) -> list[str]:
    """The report as a person reads it, with at most so many of the leads that change hands."""
    parts = [
        _heading(report),
        _totals(report),
        _buyers(report),
        _unsold(report),
        _changes(report, most),
        _notes(report),
    ]
    return [line for part in parts if part for line in ("", *part)][1:]


def _heading(report: Report) -> list[str]:
    policies = f"a draft for {', '.join(report.drafted)}" if report.drafted else "the policies of the time"
    return _wrapped(f"{_time(report.since)} to {_time(report.until)}, under {policies}")


def _other(report: Report) -> str:
    """What stands beside the record."""
    return "DRAFT" if report.drafted else "AGAIN"


def _totals(report: Report) -> list[str]:
    compared = report.outcome.buyers
    unsold = [sum(counts) for counts in zip(*report.outcome.unsold.values(), strict=True)] or [0, 0]
    sold = [report.outcome.leads - count for count in unsold]
    rows = [
        ["", "NOW", _other(report), "DIFFERENCE"],
        ["leads decided", f"{report.outcome.leads:,}", f"{report.outcome.leads:,}", ""],
        ["sold", *_counts(*sold)],
        ["unsold", *_counts(*unsold)],
    ]
    for currency in sorted({currency for _, currency in compared}):
        sums = [c for (_, of), c in compared.items() if of == currency]
        money = (sum((c.recorded.money for c in sums), Decimal(0)), sum((c.simulated.money for c in sums), Decimal(0)))
        rows.append([f"revenue in {currency}", *_money(*money)])
    return columns(rows[0], rows[1:], left=1)


def _buyers(report: Report) -> list[str]:
    rows = [["BUYER", "", "LEADS NOW", _other(report), "DIFFERENCE", "MONEY NOW", _other(report), "DIFFERENCE"]]
    for (buyer_id, currency), compared in report.outcome.buyers.items():
        now, draft = compared.recorded, compared.simulated
        rows.append(
            [f"{report.buyers[buyer_id]} ({buyer_id})", currency, *_counts(now.leads, draft.leads),
             *_money(now.money, draft.money)]
        )  # fmt: skip
    return columns(rows[0], rows[1:], left=2) if len(rows) > 1 else []


def _unsold(report: Report) -> list[str]:
    rows = [["UNSOLD BECAUSE", "NOW", _other(report), "DIFFERENCE"]]
    rows += [[reason, *_counts(*counts)] for reason, counts in report.outcome.unsold.items()]
    return columns(rows[0], rows[1:], left=1) if len(rows) > 1 else []


def _changes(report: Report, most: int) -> list[str]:
    changes = report.outcome.changes
    if not changes:
        return ["No lead changes hands."]
    rows = [["LEAD", "NOW", "", _other(report), ""], *(_change(report, change) for change in changes[:most])]
    rest = len(changes) - most
    more = [f"… and {rest:,} more (--changes {len(changes)}, or --json for all)"] if rest > 0 else []
    heading = f"{len(changes):,} {'lead changes' if len(changes) == 1 else 'leads change'} hands:"
    return [heading, *(columns(rows[0], rows[1:]) if most else []), *more]


def _change(report: Report, change: BuyerChange) -> list[str]:
    return [str(change.lead_id), *_hand(report, change, change.recorded), *_hand(report, change, change.simulated)]


def _hand(report: Report, change: BuyerChange, result: RoutingResult) -> list[str]:
    if isinstance(result, SimulatedSale):
        return [f"{report.buyers[result.buyer_id]} ({result.buyer_id})", f"{result.price} {change.currency}"]
    return ["unsold", result]


def _notes(report: Report) -> list[str]:
    notes = []
    if report.outcome.repriced:
        notes.append(f"{report.outcome.repriced:,} leads keep their buyer at another price.")
    if report.unreadable:
        notes.append(f"{report.unreadable:,} decisions are recorded in a form that is no longer read: they are kept.")
    if report.now_valid:
        notes.append(
            f"{report.now_valid:,} leads that validation rejected would now be valid; they are not routed, as "
            "nothing is recorded of their buyers."
        )
    notes += [
        f"{rule}: the record of {count:,} leads lacks what the draft requires; the rule does not apply to them."
        for rule, count in report.unanswered.items()
    ]
    if report.drafted:
        notes.append(
            "A lead that finds no buyer under the draft where the record sold it counts as unsold: later attempts are "
            "on no record."
        )
        notes.append("Only policies are drafted: prices, buyers' terms and areas are those of the time.")
    return [line for note in notes for line in _wrapped(note)]


def _counts(now: int, draft: int) -> list[str]:
    return [f"{now:,}", f"{draft:,}", f"{draft - now:+,}" if draft != now else "0"]


def _money(now: Decimal, draft: Decimal) -> list[str]:
    return [f"{now:,.2f}", f"{draft:,.2f}", f"{draft - now:+,.2f}" if draft != now else "0.00"]


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, room(), subsequent_indent="  ")
