"""Reads leads, offers, candidate buyers and their usages: each statement for a whole batch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from leadgen.kernel.calendar import PERIODS, CapPeriods
from leadgen.kernel.errors import PolicyInvalid
from leadgen.leads.domain import normalization
from leadgen.leads.domain.conditions import FIELDS, Condition, parse_filter
from leadgen.leads.domain.consent import ConsentDemand, parse_consent
from leadgen.leads.domain.lead import Lead
from leadgen.leads.store.leads import lead_under_decision
from leadgen.routing.domain import pricing
from leadgen.routing.domain.decision import ExclusiveBuyer, Offer
from leadgen.routing.domain.eligibility import UNUSED, Enrollment, Usage, Used


@dataclass(frozen=True)
class LockedLead:
    """A lead under this transaction's lock, with its offer and its routing policy as stored.

    ``rejected_by`` are the buyers it was taken back from; ``assigned_to`` is the one that an operator has chosen.
    ``fields`` are the lead's own, and its attributes as ``attributes.<name>``: personal data, for this decision only.
    """

    lead: Lead
    region: str | None
    fields: Mapping[str, object]
    trace_id: str | None
    offer: Offer
    unrouted_at: datetime | None
    is_released: bool
    route_attempts: int
    assigned_to: int | None
    rejected_by: tuple[int, ...]
    policy_id: int
    policy_name: str
    policy_version: int
    config: object


def lock_validated(conn: Connection[Any], lead_ids: Sequence[int]) -> list[LockedLead]:
    """Lock, in id order, those of the leads that wait for a buyer and not for a person.

    Only those: a billed lead may be under lock for an invoice, after its buyer's.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            SELECT l.id, l.created_at, l.offer_id, l.source_id, l.market_id, l.name, l.email, l.phone, l.country_code,
                   l.postal_code, l.city, l.region_code, l.message, l.source, l.utm_source, l.utm_medium,
                   l.utm_campaign, l.consent, l.gdpr_consent, l.is_duplicate, l.fraud_score, l.lead_score, l.attributes,
                   l.trace_id, l.unrouted_at, l.released_at IS NOT NULL AS is_released, l.route_attempts,
                   l.assigned_buyer_id,
                   ARRAY(SELECT d.buyer_id FROM deliveries d WHERE d.lead_id = l.id ORDER BY d.buyer_id) AS rejected_by,
                   o.is_active AND m.is_active AND v.is_active AS is_active, o.default_price_per_lead,
                   m.timezone, m.currency,
                   p.id AS policy_id, p.name AS policy_name, p.version AS policy_version, p.config
              FROM leads l
              JOIN offers o ON o.id = l.offer_id
              JOIN markets m ON m.id = o.market_id
              JOIN verticals v ON v.id = o.vertical_id
              JOIN routing_policies p ON p.id = o.routing_policy_id
             WHERE l.id = ANY(%s) AND l.status = 'validated' AND l.in_review_since IS NULL
             ORDER BY l.id
               FOR NO KEY UPDATE OF l
            """,
            (list(lead_ids),),
        )
        return [_locked(row) for row in cursor]


def _locked(row: dict[str, Any]) -> LockedLead:
    return LockedLead(
        lead=lead_under_decision(row, frozenset()),
        region=normalization.region(row["region_code"], row["country_code"]),
        fields={
            **{field: row[field] for field in FIELDS},
            **{f"attributes.{name}": value for name, value in row["attributes"].items()},
        },
        trace_id=row["trace_id"],
        offer=Offer(
            row["offer_id"],
            row["is_active"],
            row["default_price_per_lead"],
            row["currency"],
            row["timezone"],
            pricing.digits_of(row["currency"]),
        ),
        unrouted_at=row["unrouted_at"],
        is_released=row["is_released"],
        route_attempts=row["route_attempts"],
        assigned_to=row["assigned_buyer_id"],
        rejected_by=tuple(row["rejected_by"]),
        policy_id=row["policy_id"],
        policy_name=row["policy_name"],
        policy_version=row["policy_version"],
        config=row["config"],
    )


def exclusive_buyers(conn: Connection[Any], leads: Sequence[Lead]) -> dict[int, ExclusiveBuyer]:
    """The active exclusivity of each lead's postal code or city, by lead id; a postal code's wins over a city's."""
    rows = conn.execute(
        """
        SELECT DISTINCT ON (p.lead_id) p.lead_id, e.buyer_id, e.scope_type, e.scope_value
          FROM unnest(%(lead_ids)s::int[], %(offer_ids)s::int[], %(postal_codes)s::text[], %(cities)s::text[])
               AS p(lead_id, offer_id, postal_code, city)
          JOIN offer_exclusivities e
            ON e.is_active AND e.offer_id = p.offer_id
           AND (e.scope_type, lower(e.scope_value)) IN (('postal_code', lower(p.postal_code)), ('city', lower(p.city)))
         ORDER BY p.lead_id, e.scope_type = 'postal_code' DESC, e.id
        """,
        {
            "lead_ids": [lead.lead_id for lead in leads],
            "offer_ids": [lead.offer_id for lead in leads],
            "postal_codes": [lead.postal_code for lead in leads],
            "cities": [lead.city for lead in leads],
        },
    )
    return {lead_id: ExclusiveBuyer(buyer_id, scope, value) for lead_id, buyer_id, scope, value in rows}


@dataclass(frozen=True)
class Served:
    """That a buyer is a candidate for a lead, and which service area of it covers the lead; None for none."""

    lead_id: int
    buyer_id: int
    area: str | None


def candidates(
    conn: Connection[Any], leads: Sequence[LockedLead], exclusive: Mapping[int, ExclusiveBuyer]
) -> list[Served]:
    """The enrolled buyers whose service area covers a lead; the exclusive and the assigned ones wherever they
    serve.

    The narrowest of a buyer's areas is named. Not locked here: a join that also locks can lose rows that were changed
    meanwhile.
    """
    rows = conn.execute(
        """
        WITH sought AS (
          SELECT * FROM unnest(%(lead_ids)s::int[], %(offer_ids)s::int[], %(market_ids)s::int[],
                               %(postal_codes)s::text[], %(cities)s::text[], %(regions)s::text[], %(exclusive)s::int[],
                               %(assigned)s::int[])
                        AS p(lead_id, offer_id, market_id, postal_code, city, region, exclusive_buyer_id,
                             assigned_buyer_id)
        ), covering AS (
          SELECT p.lead_id, p.offer_id, a.buyer_id, k.width, a.scope_type, a.scope_value
            FROM sought p
           CROSS JOIN LATERAL (VALUES (1, 'postal_code', p.postal_code), (2, 'city', p.city), (4, 'region', p.region),
                                      (5, 'market', '*')) AS k(width, scope_type, scope_value)
            JOIN buyer_service_areas a
              ON a.is_active AND a.market_id = p.market_id AND a.scope_type = k.scope_type
             AND lower(a.scope_value) = lower(k.scope_value)
          UNION ALL
          SELECT p.lead_id, p.offer_id, a.buyer_id, 3, a.scope_type, a.scope_value
            FROM sought p
            JOIN radius_postal_codes r
              ON r.market_id = p.market_id AND lower(r.postal_code) = lower(p.postal_code)
            JOIN buyer_service_areas a ON a.id = r.area_id AND a.is_active
        ), serving AS (
          SELECT DISTINCT ON (lead_id, buyer_id) lead_id, offer_id, buyer_id, scope_type || ' ' || scope_value AS area
            FROM covering ORDER BY lead_id, buyer_id, width, scope_value
        ), considered AS (
          SELECT lead_id, offer_id, buyer_id, area FROM serving
          UNION ALL
          SELECT DISTINCT p.lead_id, p.offer_id, named.buyer_id, NULL FROM sought p
           CROSS JOIN LATERAL (VALUES (p.exclusive_buyer_id), (p.assigned_buyer_id)) AS named(buyer_id)
           WHERE named.buyer_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM serving s WHERE s.lead_id = p.lead_id AND s.buyer_id = named.buyer_id)
        )
        SELECT c.lead_id, c.buyer_id, c.area
          FROM considered c
          JOIN buyer_offers bo ON bo.offer_id = c.offer_id AND bo.buyer_id = c.buyer_id
         ORDER BY c.lead_id, c.buyer_id
        """,
        {
            "lead_ids": [lead.lead.lead_id for lead in leads],
            "offer_ids": [lead.lead.offer_id for lead in leads],
            "market_ids": [lead.lead.market_id for lead in leads],
            "postal_codes": [lead.lead.postal_code for lead in leads],
            "cities": [lead.lead.city for lead in leads],
            "regions": [lead.region for lead in leads],
            "exclusive": [
                exclusive[lead.lead.lead_id].buyer_id if lead.lead.lead_id in exclusive else None for lead in leads
            ],
            "assigned": [lead.assigned_to for lead in leads],
        },
    )
    return [Served(lead_id, buyer_id, area) for lead_id, buyer_id, area in rows]


@dataclass(frozen=True)
class LoadedEnrollment:
    """An enrollment and its usage, read under the buyer's lock. ``enrollment.area`` is set per lead."""

    offer_id: int
    enrollment: Enrollment
    usage: Usage


def load_enrollments(
    conn: Connection[Any], buyer_ids: Collection[int], periods: Mapping[int, CapPeriods]
) -> list[LoadedEnrollment]:
    """The enrollments of locked buyers in the offers of ``periods`` (by offer id), with what each has claimed there."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            SELECT bo.offer_id, bo.id AS buyer_offer_id, b.id AS buyer_id, b.is_active AS buyer_active,
                   bo.is_active AS enrolled, bo.routing_priority, bo.price_per_lead, bo.pause_until,
                   bo.capacity_per_hour, bo.capacity_per_day, bo.capacity_per_week, bo.capacity_per_month,
                   bo.budget_per_hour, bo.budget_per_day, bo.budget_per_week, bo.budget_per_month,
                   bo.filter, bo.consent, bo.min_balance_required, b.credit_limit, b.currency, b.paused_since,
                   coalesce(bo.webhook_url_override, b.webhook_url) IS NOT NULL OR b.email_notifications AS reachable,
                   b.balance AS owed, b.pending_amount AS pending, coalesce(w.balance, 0) AS wallet,
                   ARRAY(SELECT c.period || ' ' || c.claimed || ' ' || c.amount FROM capacity_counters c
                          WHERE c.buyer_offer_id = bo.id
                            AND (c.period, c.starts_at) IN (('hour', p.hour), ('day', p.day), ('week', p.week),
                                                            ('month', p.month))) AS used
              FROM unnest(%(offer_ids)s::int[], %(hours)s::timestamptz[], %(days)s::timestamptz[],
                          %(weeks)s::timestamptz[], %(months)s::timestamptz[]) AS p(offer_id, hour, day, week, month)
              JOIN buyer_offers bo ON bo.offer_id = p.offer_id AND bo.buyer_id = ANY(%(buyer_ids)s)
              JOIN buyers b ON b.id = bo.buyer_id
              LEFT JOIN wallets w ON w.buyer_id = b.id
            """,
            {
                "buyer_ids": sorted(buyer_ids),
                "offer_ids": list(periods),
                "hours": [period.hour for period in periods.values()],
                "days": [period.day for period in periods.values()],
                "weeks": [period.week for period in periods.values()],
                "months": [period.month for period in periods.values()],
            },
        )
        return [_loaded(row) for row in cursor]


def _loaded(row: dict[str, Any]) -> LoadedEnrollment:
    used = dict.fromkeys(PERIODS, UNUSED)
    for counter in row["used"]:
        period, leads, amount = counter.split()
        used[period] = Used(int(leads), Decimal(amount))
    filter_, consent, fault = _own_rules(row)
    return LoadedEnrollment(
        offer_id=row["offer_id"],
        enrollment=Enrollment(
            buyer_id=row["buyer_id"],
            buyer_offer_id=row["buyer_offer_id"],
            buyer_active=row["buyer_active"],
            enrolled=row["enrolled"],
            area=None,
            priority=row["routing_priority"],
            buyer_price=row["price_per_lead"],
            pause_until=row["pause_until"],
            capacity={p: row[f"capacity_per_{p}"] for p in PERIODS if row[f"capacity_per_{p}"] is not None},
            budget={p: row[f"budget_per_{p}"] for p in PERIODS if row[f"budget_per_{p}"] is not None},
            filter=filter_,
            consent=consent,
            fault=fault,
            min_balance_required=row["min_balance_required"],
            credit_limit=row["credit_limit"],
            currency=row["currency"],
            reachable=row["reachable"],
            paused_since=row["paused_since"],
        ),
        usage=Usage(used=used, owed=row["owed"], pending=row["pending"], wallet=row["wallet"]),
    )


def _own_rules(row: dict[str, Any]) -> tuple[Condition | None, ConsentDemand | None, str | None]:
    label = f"enrollment {row['buyer_offer_id']}"
    try:
        filter_ = None if row["filter"] is None else parse_filter(row["filter"], label=label)
        consent = None if row["consent"] is None else parse_consent(row["consent"], label=label)
    except PolicyInvalid as fault:
        return None, None, str(fault)
    return filter_, consent, None
