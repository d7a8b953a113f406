"""``leadgen explain`` and ``leadgen verify-decisions``: why a lead went where it went, and whether it would again."""

import argparse
import json
from collections import Counter
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.buyers.store import NamedBuyer
from leadgen.decisions.store import RecordedDecision
from leadgen.explanation import store
from leadgen.explanation.commands import rendering
from leadgen.explanation.domain.verification import Comparison
from leadgen.explanation.service import explain
from leadgen.explanation.service.explain import Explanation
from leadgen.explanation.service.verification import verify_decisions
from leadgen.terminal.command import DONE, FAILED, CommandFailed, describe, number
from leadgen.terminal.database import connection, environment

_MOST_PATHS = 20


def explain_command(parser: argparse.ArgumentParser) -> None:
    """Show what was decided about a lead, and why."""
    describe(
        parser,
        "Show what was decided about a lead, stage by stage: duplicates, validation with each rule, and routing with "
        "each buyer that was considered: its verdict, the rule that decided, the value and the limit at that instant, "
        "and for an ineligible buyer the smallest change that would have made it eligible. Of several attempts the "
        "last one is shown in full.",
        examples=["leadgen explain 17", "leadgen explain 17 --buyer crm@buyer.example"],
    )
    parser.add_argument("lead_id", type=number, metavar="LEAD", help="the lead's id")
    parser.add_argument("--buyer", metavar="BUYER", help="of routing only this buyer (id or e-mail), with every rule")
    parser.add_argument("--all", action="store_true", help="show every attempt in full")
    parser.add_argument("--json", action="store_true", help="print JSON, with the decisions' inputs and traces")
    parser.set_defaults(run=_explain)


def verify_decisions_command(parser: argparse.ArgumentParser) -> None:
    """Check that recorded decisions can be reproduced."""
    describe(
        parser,
        "Make each recorded decision again from its stored inputs, and compare. Outcome, reason and trace must be "
        "the same to the byte. The exit status is 0 when all are the same, 1 otherwise. Nothing is changed.",
        examples=["leadgen verify-decisions 17", "leadgen verify-decisions --all"],
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("lead_id", type=number, nargs="?", metavar="LEAD", help="the decisions about this lead")
    which.add_argument("--all", action="store_true", help="every recorded decision; lists those that differ")
    parser.set_defaults(run=_verify)


def _explain(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = explain.explain(conn, options.lead_id)
        if found is None:
            raise _no_lead(options.lead_id)
        buyer = None if options.buyer is None else _buyer(conn, found, options.buyer)
    if options.json:
        print(json.dumps(_json(found, buyer), indent=2, ensure_ascii=False))
    else:
        for line in rendering.text(found, buyer=buyer, every=options.all):
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


def _verify(options: argparse.Namespace) -> int:
    counts: Counter[str] = Counter()
    with connection(environment()) as conn:
        if options.lead_id is not None and store.subject(conn, options.lead_id) is None:
            raise _no_lead(options.lead_id)
        for decision, comparison in verify_decisions(conn, options.lead_id):
            counts[comparison.result] += 1
            if options.lead_id is not None or comparison.result != "same":
                _print(decision, comparison)
    summary = ", ".join(f"{count} {result}" for result, count in sorted(counts.items())) or "nothing was decided yet"
    print(f"{counts.total()} decision{'' if counts.total() == 1 else 's'}: {summary}.")
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
