"""Commands on decisions: why a lead went where it went, and whether the records still lead there."""

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.buyers.store import NamedBuyer
from leadgen.decisions.store import RecordedDecision
from leadgen.explanation import store
from leadgen.explanation.commands import story
from leadgen.explanation.domain.verification import Comparison
from leadgen.explanation.service import explain
from leadgen.explanation.service.explain import Explanation
from leadgen.explanation.service.verification import verify_decisions
from leadgen.terminal.command import DATABASE, DONE, FAILED, CommandFailed, connection, environment, number

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_MOST_PATHS = 20


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "explain",
        help="say what was decided about a lead, and why",
        description="Stage by stage: duplicates, validation with each rule, and routing with each buyer that was "
        "looked at: its verdict, the rule that decided, the value and the limit at that instant, and for an ineligible "
        "buyer the smallest change that would have made it eligible. Of several attempts the last is shown in full.",
        epilog=DATABASE,
    )
    parser.add_argument("lead_id", type=number, metavar="LEAD_ID")
    parser.add_argument("--buyer", metavar="ID_OR_EMAIL", help="of routing only this buyer, with every rule")
    parser.add_argument("--all", action="store_true", help="show every attempt in full")
    parser.add_argument("--json", action="store_true", help="print JSON, with the decisions' inputs and traces")
    parser.set_defaults(run=_explain)

    parser = commands.add_parser(
        "decide-again",
        help="decide from the stored inputs and compare with the record",
        description="Each decision is made again from the inputs on its record; outcome, reason and trace must come "
        "out the same to the byte. Exit status 0 where all are the same, 1 otherwise. Changes nothing.",
        epilog=DATABASE,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("lead_id", type=number, nargs="?", metavar="LEAD_ID")
    which.add_argument("--all", action="store_true", help="every decision on record; lists those that are not the same")
    parser.set_defaults(run=_verify_decisions)


def _explain(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = explain.explain(conn, options.lead_id)
        if found is None:
            raise _no_lead(options.lead_id)
        buyer = None if options.buyer is None else _buyer(conn, found, options.buyer)
    if options.json:
        print(json.dumps(_json(found, buyer), indent=2, ensure_ascii=False))
    else:
        for line in story.text(found, buyer=buyer, every=options.all):
            print(line)
    return DONE


def _buyer(conn: Connection[Any], found: Explanation, id_or_email: str) -> NamedBuyer:
    buyer = buyers_store.find_buyer(conn, id_or_email)
    if buyer is None:
        raise CommandFailed(f"there is no buyer {id_or_email}: name one by its id or its e-mail address")
    if not buyers_store.is_enrolled(conn, found.subject.offer_id, buyer.buyer_id):
        raise CommandFailed(
            f"{buyer.name} ({buyer.buyer_id}) is not enrolled in {found.subject.offer}, the offer of lead "
            f"{found.subject.lead_id}"
        )
    return buyer


def _json(found: Explanation, buyer: NamedBuyer | None) -> dict[str, Any]:
    shown = explain.as_json(found)
    if buyer is not None:
        for decision in shown["decisions"]:
            if "verdicts" in decision:
                decision["verdicts"] = [v for v in decision["verdicts"] if v["buyer_id"] == buyer.buyer_id]
    return shown


def _verify_decisions(options: argparse.Namespace) -> int:
    counts: Counter[str] = Counter()
    with connection(environment()) as conn:
        if options.lead_id is not None and store.subject(conn, options.lead_id) is None:
            raise _no_lead(options.lead_id)
        for decision, comparison in verify_decisions(conn, options.lead_id):
            counts[comparison.result] += 1
            if options.lead_id is not None or comparison.result != "same":
                _print(decision, comparison)
    said = ", ".join(f"{count} {result}" for result, count in sorted(counts.items())) or "nothing was decided yet"
    print(f"{counts.total()} decision{'' if counts.total() == 1 else 's'}: {said}.")
    return DONE if counts.keys() <= {"same"} else FAILED


def _print(decision: RecordedDecision, comparison: Comparison) -> None:
    print(
        f"lead {decision.lead_id}  decision {decision.decision_id}  {decision.stage:<10}  "
        f"version {decision.policy_version}  {decision.outcome:<16}  {comparison.result}"
    )
    for path in comparison.detail[:_MOST_PATHS]:
        print(f"    {path}")
    if len(comparison.detail) > _MOST_PATHS:
        print(f"    and {len(comparison.detail) - _MOST_PATHS} more")


def _no_lead(lead_id: int) -> CommandFailed:
    return CommandFailed(f"there is no lead {lead_id}")
