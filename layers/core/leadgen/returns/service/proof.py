"""Gathers the platform's records about a returned lead."""

from datetime import timedelta
from typing import Any

from psycopg import Connection

from leadgen.platform import settings
from leadgen.receivables.domain.return_reasons import Reason
from leadgen.returns.domain import proof as returns_proof
from leadgen.returns.domain.proof import Proof, Records
from leadgen.returns.store import proof as store
from leadgen.returns.store.returns import Sold
from leadgen.validation.domain import policy
from leadgen.validation.store import disposable_domains as validation_disposable_domains_store
from leadgen.validation.store import mail_domains


def prove(conn: Connection[Any], sold: Sold, reason: Reason) -> Proof | None:
    """Hold a reason against the records of a sold lead; None where they hold nothing, as of one that is erased. Raises
    PolicyInvalid where the offer's validation policy does not parse.
    """
    if sold.is_erased or sold.buyer_id is None or sold.taken_at is None:
        return None
    match reason:
        case "duplicate":
            window = policy.parse_validation(sold.rules, label=f"offer {sold.offer_id}").detection.window_hours
            within = timedelta(hours=window or settings.current().default_duplicate_window_hours)
            earlier = store.earlier_sale(conn, sold.lead_id, sold.buyer_id, since=sold.created_at - within)
            return returns_proof.prove(reason, Records(earlier_lead_id=earlier, within=within))
        case "invalid_phone":
            return returns_proof.prove(reason, Records(phone_is_possible=_phone_is_possible(conn, sold.lead_id)))
        case "invalid_email":
            return returns_proof.prove(reason, _mail(conn, sold.lead_id))
        case "wrong_area":
            area = store.area(conn, sold.lead_id, sold.buyer_id, taken_at=sold.taken_at)
            return returns_proof.prove(reason, Records(area=area))
        case _:
            return None


def _phone_is_possible(conn: Connection[Any], lead_id: int) -> bool:
    from leadgen.leads.domain import contacts  # the plans of all countries: only where a number is looked at

    written = store.written(conn, lead_id)
    number = contacts.parsed(written.phone, written.country_code)
    return number is not None and contacts.is_possible(number)


def _mail(conn: Connection[Any], lead_id: int) -> Records:
    from leadgen.leads.domain import contacts
    from leadgen.validation.domain import disposable_domains as validation_disposable_domains

    domain = contacts.email_domain(store.written(conn, lead_id).email)
    if domain is None:
        return Records()
    overrides = validation_disposable_domains_store.overrides_of(conn, validation_disposable_domains.parents(domain))
    return Records(
        email_domain=domain,
        is_disposable=validation_disposable_domains.is_disposable(domain, overrides),
        accepts_mail=mail_domains.last_known(conn, domain),
    )
