"""An account at a payment provider that is like Stripe, as far as LeadGen uses it: its objects, and their events."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadgen_local.sinks.journal import Journal

SECRET_KEY = "sk_test_of_the_fake_provider"  # noqa: S105 - it opens nothing but the fake
WEBHOOK_SECRET = "whsec_of_the_fake_provider"  # noqa: S105 - nor does this

_SESSION_SECONDS = 24 * 3600
_EVIDENCE_SECONDS = 9 * 24 * 3600

# A card is named for what becomes of it when it is charged and nobody is present.
CARDS = ("good", "insufficient_funds", "expired_card", "authentication_required", "generic_decline")

Object = dict[str, Any]


class Refused(Exception):
    """What the API answers instead: a status and an error as Stripe writes them."""

    def __init__(self, status: int, kind: str, code: str | None, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message, **more}}


def missing(what: str) -> Refused:
    """There is no such object."""
    return Refused(404, "invalid_request_error", "resource_missing", f"No such {what}")


@dataclass
class Account:
    """Everything of the account, which survives the process in the journal. ``publish`` is called with each event."""

    journal: Journal
    publish: Callable[[Object], None]
    refunds_become: str = "succeeded"
    objects: dict[str, Object] = field(default_factory=dict)
    answers: dict[str, tuple[str, int, Object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.journal.entries():
            if "object" in entry:
                self.objects[entry["object"]["id"]] = entry["object"]
            else:
                self.answers[entry["key"]] = (entry["asked"], entry["status"], entry["body"])

    def clear(self) -> None:
        """Forget everything."""
        self.journal.clear()
        self.objects.clear()
        self.answers.clear()
        self.refunds_become = "succeeded"

    def answered(self, key: str, asked: str) -> tuple[int, Object] | None:
        """What was answered to the call of this key before. Raises Refused for a key of another call."""
        before = self.answers.get(key)
        if before is None:
            return None
        if before[0] != asked:
            raise Refused(400, "idempotency_error", None, "Keys for idempotent requests can only be used with the same")
        return before[1], before[2]

    def keep(self, key: str, asked: str, status: int, body: Object) -> None:
        """Answer the call of this key so from now on."""
        self.answers[key] = (asked, status, body)
        self.journal.append({"key": key, "asked": asked, "status": status, "body": body})

    def of(self, kind: str) -> list[Object]:
        """All objects of a kind, the latest first."""
        return [one for one in reversed(self.objects.values()) if one["object"] == kind]

    def find(self, kind: str, object_id: object) -> Object:
        """An object. Raises Refused 404."""
        found = self.objects.get(str(object_id))
        if found is None or found["object"] != kind:
            raise missing(kind)
        return found

    def customer(self, given: Mapping[str, Any]) -> Object:
        return self._keep("cus", "customer", name=given.get("name"), email=given.get("email"), **_metadata(given))

    def session(self, given: Mapping[str, Any], page: str) -> Object:
        """A page to pay or to leave a card on; ``page`` is the address below which it is."""
        if given.get("mode") not in ("payment", "setup"):
            raise Refused(400, "invalid_request_error", "parameter_invalid", "mode must be payment or setup")
        if given.get("customer"):
            self.find("customer", given["customer"])
        price = _price(given) if given["mode"] == "payment" else {}
        made = self._keep(
            "cs_test",
            "checkout.session",
            mode=given["mode"],
            status="open",
            payment_status="unpaid" if given["mode"] == "payment" else "no_payment_required",
            amount_total=price.get("amount"),
            currency=price.get("currency") or given.get("currency"),
            customer=given.get("customer"),
            payment_intent=None,
            setup_intent=None,
            success_url=given.get("success_url"),
            cancel_url=given.get("cancel_url"),
            expires_at=int(time.time()) + _SESSION_SECONDS,
            name=price.get("name", "A card for payments"),
            payment_metadata=given.get("payment_intent_data", {}).get("metadata", {}),
            setup_metadata=given.get("setup_intent_data", {}).get("metadata", {}),
            **_metadata(given),
        )
        return self._change(made, url=f"{page}/{made['id']}")

    def pay(self, session_id: str, card: str) -> Object:
        """Somebody pays on a page, or leaves a card there; a card that is not good leaves a payment's page open."""
        session = self.find("checkout.session", session_id)
        if session["status"] != "open":
            return session
        if session["mode"] == "setup":
            return self._leave_card(session, card)
        intent = session["payment_intent"] and self.find("payment_intent", session["payment_intent"])
        if not intent:
            intent = self._intent(session["amount_total"], session["currency"], session["customer"],
                                  session["payment_metadata"])  # fmt: skip
            self._change(session, payment_intent=intent["id"])
        if card != "good":
            self._decline(intent, card)
            return session
        self._succeed(intent)
        self._change(session, status="complete", payment_status="paid")
        self._record_event("checkout.session.completed", session)
        return session

    def expire(self, session_id: str) -> Object:
        """Nobody has paid on a page in time."""
        session = self.find("checkout.session", session_id)
        if session["status"] == "open":
            self._change(session, status="expired", url=None)
            self._record_event("checkout.session.expired", session)
        return session

    def payment_intent(self, given: Mapping[str, Any]) -> Object:
        """Charge a kept card. Raises Refused 402 where it is declined."""
        method = self.find("payment_method", given.get("payment_method"))
        if method["customer"] != given.get("customer"):
            raise missing("payment_method")
        amount = int(given["amount"])
        intent = self._intent(amount, given["currency"], given["customer"], given.get("metadata", {}))
        if method["card"] != "good":
            raise self._decline(intent, method["card"])
        return self._succeed(intent)

    def refund(self, given: Mapping[str, Any]) -> Object:
        """Send money of a payment back. Raises Refused."""
        intent = self.find("payment_intent", given.get("payment_intent"))
        back = [one for one in self.of("refund") if one["payment_intent"] == intent["id"] and one["status"] != "failed"]
        amount = int(given["amount"])
        if amount > intent["amount_received"] - sum(one["amount"] for one in back):
            raise Refused(400, "invalid_request_error", "charge_already_refunded", "has already been refunded")
        if any(one["payment_intent"] == intent["id"] and one["status"] != "won" for one in self.of("dispute")):
            raise Refused(400, "invalid_request_error", "charge_disputed", "has been charged back")
        made = self._keep(
            "re", "refund", amount=amount, currency=intent["currency"], payment_intent=intent["id"],
            charge=intent["latest_charge"], status=self.refunds_become, failure_reason=None, **_metadata(given),
        )  # fmt: skip
        self._record_event("refund.created", made)
        if made["status"] != "pending":
            self._record_event("refund.updated", made)
        return made

    def settle_refund(self, refund_id: str, status: str) -> Object:
        """A refund ends: it is paid, or it fails, also after it was paid."""
        refund = self.find("refund", refund_id)
        reason = "expired_or_canceled_card" if status == "failed" else None
        self._change(refund, status=status, failure_reason=reason)
        self._record_event("refund.updated", refund)
        if status == "failed":
            self._record_event("refund.failed", refund)
        return refund

    def dispute(self, intent_id: str, amount: int | None, *, inquiry: bool) -> Object:
        """The card's owner has its bank take a payment back, or inquire about it first."""
        intent = self.find("payment_intent", intent_id)
        made = self._keep(
            "du", "dispute", amount=amount or intent["amount_received"], currency=intent["currency"],
            payment_intent=intent["id"], charge=intent["latest_charge"], reason="fraudulent",
            status="warning_needs_response" if inquiry else "needs_response",
            evidence_details={"due_by": int(time.time()) + _EVIDENCE_SECONDS}, metadata={},
        )  # fmt: skip
        self._record_event("charge.dispute.created", made)
        if not inquiry:
            self._record_event("charge.dispute.funds_withdrawn", made)
        return made

    def close_dispute(self, dispute_id: str, *, won: bool) -> Object:
        """The bank has decided."""
        dispute = self.find("dispute", dispute_id)
        if dispute["status"].startswith("warning_"):
            self._change(dispute, status="warning_closed")
        else:
            self._change(dispute, status="won" if won else "lost")
            if won:
                self._record_event("charge.dispute.funds_reinstated", dispute)
        self._record_event("charge.dispute.closed", dispute)
        return dispute

    def _leave_card(self, session: Object, card: str) -> Object:
        method = self._keep("pm", "payment_method", customer=session["customer"], card=card)
        intent = self._keep(
            "seti", "setup_intent", status="succeeded", customer=session["customer"], payment_method=method["id"],
            metadata=session["setup_metadata"],
        )  # fmt: skip
        self._change(session, status="complete", setup_intent=intent["id"])
        self._record_event("setup_intent.succeeded", intent)
        self._record_event("checkout.session.completed", session)
        return session

    def _intent(self, amount: int, currency: str, customer: object, metadata: Mapping[str, str]) -> Object:
        return self._keep(
            "pi", "payment_intent", amount=amount, amount_received=0, currency=currency, customer=customer,
            latest_charge=None, last_payment_error=None, status="requires_payment_method", metadata=dict(metadata),
        )  # fmt: skip

    def _succeed(self, intent: Object) -> Object:
        self._change(
            intent, status="succeeded", amount_received=intent["amount"], latest_charge=_id("ch"),
            last_payment_error=None,
        )  # fmt: skip
        self._record_event("payment_intent.succeeded", intent)
        return intent

    def _decline(self, intent: Object, card: str) -> Refused:
        code = card if card in ("expired_card", "authentication_required") else "card_declined"
        error = {"type": "card_error", "code": code, "decline_code": card, "message": "Your card was declined."}
        self._change(intent, last_payment_error=error)
        self._record_event("payment_intent.payment_failed", intent)
        return Refused(402, "card_error", code, "Your card was declined.", decline_code=card, payment_intent=intent)

    def _keep(self, prefix: str, kind: str, **values: Any) -> Object:
        made = {"id": _id(prefix), "object": kind, "created": int(time.time()), "livemode": False, **values}
        self.objects[made["id"]] = made
        self.journal.append({"object": made})
        return made

    def _change(self, one: Object, **values: Any) -> Object:
        one.update(values)
        self.journal.append({"object": one})
        return one

    def _record_event(self, kind: str, about: Object) -> None:
        event = self._keep(
            "evt", "event", type=kind, api_version=None, pending_webhooks=1, data={"object": dict(about)},
            request={"id": None, "idempotency_key": None},
        )  # fmt: skip
        self.publish(event)


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def _metadata(given: Mapping[str, Any]) -> Object:
    return {"metadata": dict(given.get("metadata", {}))}


def _price(given: Mapping[str, Any]) -> Object:
    try:
        (line,) = given["line_items"].values()
        price = line["price_data"]
        amount = int(price["unit_amount"]) * int(line["quantity"])
        return {"amount": amount, "currency": price["currency"], "name": price["product_data"]["name"]}
    except (KeyError, ValueError, AttributeError, TypeError):
        raise Refused(400, "invalid_request_error", "parameter_missing", "Missing required param: line_items") from None
