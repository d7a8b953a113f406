"""What an operator asks: a lead with its timeline and decisions, the review queue, an invoice. Authenticated."""

from dataclasses import asdict

from fastapi import Depends, Request

from leadgen.adapters import db
from leadgen.adapters.web import JsonAnswer, bearer, build_app, lambda_handler
from leadgen.domain.errors import Refusal
from leadgen.operations import explain
from leadgen.store import deliveries, invoices, leads, lifecycle

_LONGEST_LIST = 200


def _operator(request: Request) -> None:
    bearer(request)


app = build_app()
app.router.dependencies.append(Depends(_operator))
handler = lambda_handler(app)


@app.get("/api/leads/{lead_id}")
def get_lead(lead_id: int) -> JsonAnswer:
    """A lead's state and its timeline."""
    with db.current().connection() as conn:
        lead = leads.answer(conn, lead_id)
        timeline = lifecycle.of_lead(conn, lead_id)
    if lead is None:
        raise Refusal(404, "not_found", f"there is no lead {lead_id}")
    shown = asdict(lead)
    del shown["settled"]
    return JsonAnswer({**shown, "timeline": [asdict(entry) for entry in timeline]})


@app.get("/api/leads/{lead_id}/decisions")
def get_decisions(lead_id: int) -> JsonAnswer:
    """Every decision about a lead, with its policy's name, its inputs and its trace; of routing also each buyer's
    verdict, and the smallest changes that would have made a refused one eligible.
    """
    with db.current().connection() as conn:
        found = explain.explained_decisions(conn, lead_id)
    if not found:
        raise Refusal(404, "not_found", f"nothing has been decided about a lead {lead_id}")
    return JsonAnswer({"lead_id": lead_id, "decisions": [explain.decision_as_json(one) for one in found]})


@app.get("/api/review")
def get_review() -> JsonAnswer:
    """The deliveries that wait for an operator, longest waiting first."""
    with db.current().connection() as conn:
        waiting = deliveries.in_review(conn, limit=_LONGEST_LIST)
    return JsonAnswer({"deliveries": [asdict(delivery) for delivery in waiting]})


@app.get("/api/invoices/{invoice_id}")
def get_invoice(invoice_id: int) -> JsonAnswer:
    """An invoice with its lines."""
    with db.current().connection() as conn:
        invoice = invoices.get(conn, invoice_id)
        lines = invoices.lines(conn, invoice_id)
    if invoice is None:
        raise Refusal(404, "not_found", f"there is no invoice {invoice_id}")
    return JsonAnswer({**asdict(invoice), "lines": [asdict(line) for line in lines]})
