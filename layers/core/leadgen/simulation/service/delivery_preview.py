"""Previews what a buyer would be sent, and how its response would be read, before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.configuration.domain import checks
from leadgen.configuration.domain import files as configuration_files
from leadgen.configuration.domain.model import Buyer, Configuration, Enrollment
from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.delivery.domain import terms as delivery_terms
from leadgen.delivery.domain.formats import payload
from leadgen.delivery.domain.formats.field_mapping import Entry, FromLead
from leadgen.delivery.domain.formats.payload import BuyerFormat, LeadFacts, Rendered
from leadgen.delivery.domain.lead_facts import attribute
from leadgen.delivery.domain.steps import EVENT
from leadgen.delivery.domain.terms import DeliveryTerms
from leadgen.outbound.domain import outcomes, signing
from leadgen.outbound.domain.outcomes import CallOutcome
from leadgen.outbound.domain.signing import Sending
from leadgen.simulation.store import delivery_preview
from leadgen.simulation.store.delivery_preview import Enrolled

# No secret of anybody's: only that there are signatures is shown.
_NO_SECRET = "no secret"  # noqa: S105 - it signs a preview only
_NO_DELIVERY = "00000000-0000-4000-8000-000000000000"
SIGNATURES = ("X-Webhook-Signature", "webhook-signature")


class NothingToPreview(Exception):
    """There is no such buyer, enrollment or lead; the message says which there are."""


@dataclass(frozen=True)
class Preview:
    """What would go out. Of the headers in ``SIGNATURES`` only the names hold."""

    enrolled: Enrolled
    terms: DeliveryTerms
    headers: Mapping[str, str]
    rendered: Rendered

    def outcome(self, status: int, body: bytes) -> CallOutcome:
        """What this answer would count as."""
        return outcomes.of_answer(
            self.terms.answer, status=status, content_type=None, body=body, complete=True, retry_after=None
        )


@dataclass(frozen=True)
class WantedPreview:
    """Whose enrollment; offer and market may be left out where there is but one."""

    buyer: str
    offer: str | None = None
    market: str | None = None


def stored(conn: Connection[Any], wanted: WantedPreview) -> Enrolled:
    """The enrollment as it is configured. Raises NothingToPreview."""
    buyer = buyers_store.find_buyer(conn, wanted.buyer)
    if buyer is None:
        raise NothingToPreview(f"there is no buyer {wanted.buyer}: name one by its id or its e-mail address")
    return _chosen(buyer.name, delivery_preview.enrollments(conn, buyer.buyer_id), wanted)


def in_file(path: Path, environ: Mapping[str, str], wanted: WantedPreview) -> Enrolled:
    """The enrollment of a file. Raises NothingToPreview, and ConfigurationInvalid for a file with problems."""
    files, problems = configuration_files.load([path], environ)
    problems = problems or checks.contradictions(files)
    if problems:
        raise ConfigurationInvalid(problems)
    configuration = files[0].configuration
    sought = wanted.buyer.strip().lower()
    buyer = next((buyer for buyer in configuration.buyers if buyer.email == sought), None)
    if buyer is None:
        known = ", ".join(buyer.email for buyer in configuration.buyers) or "none"
        raise NothingToPreview(f"{path} has no buyer {wanted.buyer}; there are {known}")
    enrolled = [_of_file(configuration, buyer, enrollment) for enrollment in buyer.offers]
    return _chosen(buyer.name, enrolled, wanted)


def _of_file(configuration: Configuration, buyer: Buyer, enrollment: Enrollment) -> Enrolled:
    market = configuration.market
    offer = next(offer for offer in configuration.offers if offer.name == enrollment.offer)
    terms = enrollment.delivery or DeliveryTerms()
    return Enrolled(
        buyer_id=1,
        buyer=buyer.name,
        offer=offer.name,
        market=market.name,
        country_code=market.country_code,
        region_code=market.region_code,
        timezone=market.timezone,
        currency=market.currency,
        vertical=configuration.vertical.slug,
        price=enrollment.price or offer.price,
        url=enrollment.webhook_url or buyer.webhook_url,
        signed=bool(buyer.webhook_secret or buyer.webhook_secret_sha256),
        delivery=terms.model_dump(mode="json", exclude_unset=True),
    )


def _chosen(buyer: str, enrolled: Sequence[Enrolled], wanted: WantedPreview) -> Enrolled:
    fitting = [one for one in enrolled if wanted.offer in (None, one.offer) and wanted.market in (None, one.market)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"{one.offer!r} in {one.market!r}" for one in fitting or enrolled) or "no offer"
    asked = " in ".join(repr(name) for name in (wanted.offer, wanted.market) if name is not None)
    advice = "say which with --offer and --market" if fitting or not asked else f"{asked} is not among them"
    raise NothingToPreview(f"{buyer} is enrolled in {known}: {advice}")


def lead_facts(conn: Connection[Any], lead_id: int, enrolled: Enrolled, now: datetime) -> LeadFacts:
    """A stored lead as it would be sold in this enrollment now. Raises NothingToPreview."""
    lead = delivery_preview.lead(conn, lead_id)
    if lead is None:
        raise NothingToPreview(f"there is no lead {lead_id}")
    return _facts(enrolled, now, lead)


def made_up_facts(enrolled: Enrolled, now: datetime) -> LeadFacts:
    """A lead that nobody posted, with every attribute that the buyer's format names."""
    terms = _terms(enrolled)
    region = enrolled.region_code
    lead = {
        "lead_id": 12345,
        "received_at": now,
        "name": "Jane van Example",
        "email": "jane@example.com",
        "phone": "+12125550123",
        "country_code": enrolled.country_code,
        "postal_code": "12345",
        "city": "Exampleville",
        "region_code": region,
        "message": 'The first line, with <b> & "quotes".\nThe second.',
        "source": "landing_page",
        "utm_source": "search",
        "utm_medium": "cpc",
        "utm_campaign": "spring",
        "attributes": {} if terms.format is None else _attributes(terms.format),
    }
    return _facts(enrolled, now, lead)


def preview(enrolled: Enrolled, facts: LeadFacts) -> Preview:
    """What the buyer would be sent of this lead. Raises PolicyInvalid on stored terms that do not parse."""
    terms = _terms(enrolled)
    rendered = payload.render(terms.format, facts)
    sending = Sending(facts.delivery_id, EVENT, rendered.content_type, rendered.body)
    secrets = [_NO_SECRET] if enrolled.signed else []
    return Preview(enrolled, terms, signing.headers(sending, secrets, at=int(facts.delivered_at.timestamp())), rendered)


def _terms(enrolled: Enrolled) -> DeliveryTerms:
    return delivery_terms.parse(enrolled.delivery, label=f"{enrolled.buyer} in {enrolled.offer}")


def _facts(enrolled: Enrolled, now: datetime, lead: Mapping[str, Any]) -> LeadFacts:
    return LeadFacts(
        **lead,
        delivery_id=_NO_DELIVERY,
        buyer_id=enrolled.buyer_id,
        delivered_at=now,
        price=enrolled.price,
        currency=enrolled.currency,
        offer=enrolled.offer,
        market=enrolled.market,
        vertical=enrolled.vertical,
        timezone=enrolled.timezone,
    )


def _attributes(format: BuyerFormat) -> dict[str, str]:  # noqa: A002 - as the files call it
    found: dict[str, str] = {}
    for _, entry in payload.entries(format):
        name = _named(entry)
        if name is not None:
            found[name] = _made_up(entry)
    return found


def _named(entry: Entry) -> str | None:
    match entry:
        case str():
            return attribute(entry)
        case FromLead(from_=field):
            return attribute(field)
        case _:
            return None


def _made_up(entry: Entry) -> str:
    match entry:
        case FromLead(date=str()):
            return "2030-01-31"
        case FromLead(phone=str()):
            return "+12125550124"
        case _:
            return "an example"
