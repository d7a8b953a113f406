"""Decides whether the platform's own records prove a return reason (duplicate, invalid phone or e-mail, wrong area)."""

from dataclasses import dataclass
from datetime import timedelta

from leadgen.kernel.trace import Json
from leadgen.receivables.domain.return_reasons import Reason


@dataclass(frozen=True)
class Proof:
    """Whether the records prove the reason, and what they hold of it: ids and facts, nothing about a person."""

    reason: Reason
    holds: bool
    found: Json


@dataclass(frozen=True)
class Records:
    """What is on record of a lead; None where it was not looked up.

    ``earlier_lead_id`` is a lead of the same vertical that the same buyer has and has paid or owes, with the same
    phone number or e-mail address, at most ``within`` before this one. ``phone_is_possible`` is whether its number
    has as many digits as its country's have, ``email_domain`` the domain of its address (None where the address is
    none); ``accepts_mail`` whether by DNS the domain takes mail. ``area`` is a service area of the buyer that
    covers the lead's place now, or did when the buyer took it.
    """

    earlier_lead_id: int | None = None
    within: timedelta | None = None
    phone_is_possible: bool | None = None
    email_domain: str | None = None
    is_disposable: bool | None = None
    accepts_mail: bool | None = None
    area: str | None = None


def prove(reason: Reason, records: Records) -> Proof | None:
    """Hold a reason against the records; None for one that they hold nothing of."""
    match reason:
        case "duplicate":
            hours = None if records.within is None else int(records.within.total_seconds() // 3600)
            found = {"earlier_lead_id": records.earlier_lead_id, "window_hours": hours}
            return Proof(reason, records.earlier_lead_id is not None, found)
        case "invalid_phone":
            possible = records.phone_is_possible
            return Proof(reason, possible is False, {"possible": possible})
        case "invalid_email":
            is_address = records.email_domain is not None
            facts = {"address": is_address, "disposable": records.is_disposable, "accepts_mail": records.accepts_mail}
            return Proof(
                reason, not is_address or records.is_disposable is True or records.accepts_mail is False, facts
            )
        case "wrong_area":
            return Proof(reason, records.area is None, {"area": records.area})
        case _:
            return None
