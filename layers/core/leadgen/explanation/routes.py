"""HTTP of a lead as an operator sees it: its state, its timeline and every decision about it."""

from dataclasses import asdict

from fastapi import APIRouter, Depends

from leadgen.access.service import operator
from leadgen.delivery.service import history
from leadgen.explanation.service import explain
from leadgen.kernel.errors import Refusal
from leadgen.leads.store import leads, lifecycle
from leadgen.platform import db
from leadgen.platform.web.app import JsonAnswer

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/leads/{lead_id}")
def get_lead(lead_id: int) -> JsonAnswer:
    """A lead's state, its deliveries and its timeline."""
    with db.current().connection() as conn:
        lead = leads.answer(conn, lead_id)
        timeline = lifecycle.of_lead(conn, lead_id)
        histories = history.of_lead(conn, lead_id)
    if lead is None:
        raise Refusal.missing("lead", lead_id)
    shown = asdict(lead)
    del shown["settled"]
    return JsonAnswer(
        {
            **shown,
            "deliveries": [history.in_full(delivery_history) for delivery_history in histories],
            "timeline": [asdict(entry) for entry in timeline],
        }
    )


@router.get("/api/leads/{lead_id}/decisions")
def get_decisions(lead_id: int) -> JsonAnswer:
    """Every decision about a lead, with its policy's name, its inputs and its trace; of routing also each buyer's
    verdict, and the smallest changes that would have made a refused one eligible.
    """
    with db.current().connection() as conn:
        found = explain.explained_decisions(conn, lead_id)
    if not found:
        raise Refusal(404, "not_found", f"nothing has been decided about a lead {lead_id}")
    return JsonAnswer({"lead_id": lead_id, "decisions": [explain.decision_as_json(one) for one in found]})
