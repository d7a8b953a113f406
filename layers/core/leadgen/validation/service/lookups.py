"""Loads what validation needs besides the lead: policies, suppression lists, post counts, mail domains, MX records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from leadgen.kernel.errors import PolicyInvalid
from leadgen.leads.domain import contacts
from leadgen.platform import db, settings
from leadgen.platform.egress import dns
from leadgen.suppression import domain as suppression_domain
from leadgen.suppression import store as suppression_store
from leadgen.suppression.store import Lookup
from leadgen.validation.domain import disposable_domains as validation_disposable_domains
from leadgen.validation.domain import duplicates, extraction, rules
from leadgen.validation.domain import policy as validation_policy
from leadgen.validation.domain.observations import LookedUp
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.rules import Held
from leadgen.validation.domain.screening import ScreeningRequest
from leadgen.validation.store import disposable_domains as validation_disposable_domains_store
from leadgen.validation.store import mail_domains, screening, velocity
from leadgen.validation.store.screening import LockedLead
from leadgen.validation.store.velocity import Window

# How long it is believed that a domain takes mail, or takes none.
_DNS_GOOD_FOR = timedelta(days=1)


def domains_taking_mail(lead_ids: Sequence[int], now: datetime) -> dict[str, bool]:
    """Whether the mail domains of the leads whose policies need it take mail; without what no resolver could answer."""
    # Before the transaction: nobody else waits for a resolver.
    with db.current().connection() as conn:
        to_look_up = mail_domains.leads_to_look_up(conn, lead_ids)
        if not to_look_up:
            return {}
        written = mail_domains.addresses(conn, screening.with_undecided_kin(conn, to_look_up))
        domains = {domain for address in written if (domain := contacts.email_domain(address)) is not None}
        known = mail_domains.known(conn, domains, since=now - _DNS_GOOD_FOR)
    found = dns.taking_mail(domains - known.keys())
    if found:
        with db.current().connection() as conn:
            mail_domains.save(conn, found, now=now)
    return {**known, **found}


def policies(
    locked: Iterable[LockedLead],
) -> tuple[list[tuple[LockedLead, ValidationPolicy]], dict[int, Held]]:
    """The leads with their policies; and by lead id why one whose policy does not parse waits for a person."""
    readable: list[tuple[LockedLead, ValidationPolicy]] = []
    unreadable: dict[int, Held] = {}
    for lead in locked:
        try:
            readable.append((lead, validation_policy.parse_validation(lead.rules, label=policy_label(lead))))
        except PolicyInvalid as problem:
            unreadable[lead.lead.lead_id] = rules.unreadable(problem)
    return readable, unreadable


def policy_label(locked: LockedLead) -> str:
    """A policy's name and version, as messages name it."""
    return f"{locked.policy_name!r} version {locked.policy_version}"


def requests(
    conn: Connection[Any], parsed: Sequence[tuple[LockedLead, ValidationPolicy]], taking_mail: Mapping[str, bool]
) -> list[ScreeningRequest]:
    """Everything that the leads under lock are to be screened by, in a constant number of statements."""
    if not parsed:
        return []
    domains = {
        locked.lead.lead_id: contacts.email_domain(str(locked.fields["email"]))
        for locked, policy in parsed
        if extraction.needs_email(policy)
    }
    names = {
        name
        for locked, policy in parsed
        if extraction.needs_disposable(policy)
        for name in validation_disposable_domains.parents(domains[locked.lead.lead_id] or "")
    }
    overrides = validation_disposable_domains_store.overrides_of(conn, names) if names else {}
    suppressed = suppression_store.suppressed(conn, [_lookup(locked) for locked, _ in parsed])
    windows = [window for locked, policy in parsed if (window := _window(locked, policy)) is not None]
    posts = velocity.posts(conn, windows) if windows else {}
    hours = settings.current().default_duplicate_window_hours
    found = []
    for locked, policy in parsed:
        lead = locked.lead
        looked_up = LookedUp(
            suppressed=suppressed.get(lead.lead_id, ()),
            ip_country=locked.ip_country,
            disposable=overrides,
            accepts_mail=taking_mail.get(domains.get(lead.lead_id) or ""),
            is_released=locked.is_released,
        )
        if (counted := posts.get(lead.lead_id)) is not None:
            looked_up = replace(looked_up, ip_posts=counted.ip_posts, phone_posts=counted.phone_posts)
        search = duplicates.search_for(policy.detection, lead, locked.contact, default_window_hours=hours)
        found.append(ScreeningRequest(lead, locked.contact, policy, search, locked.fields, looked_up))
    return found


def _lookup(locked: LockedLead) -> Lookup:
    hashes = suppression_domain.of_lead(
        str(locked.fields["email"]), str(locked.fields["phone"]), locked.lead.country_code
    )
    return Lookup(locked.lead.lead_id, locked.lead.offer_id, hashes)


def _window(locked: LockedLead, policy: ValidationPolicy) -> Window | None:
    detection = policy.fraud_detection
    if detection is None or (detection.ip_velocity is None and detection.phone_velocity is None):
        return None
    return Window(
        locked.lead.lead_id,
        detection.ip_velocity.within_minutes if detection.ip_velocity else None,
        detection.phone_velocity.within_minutes if detection.phone_velocity else None,
    )
