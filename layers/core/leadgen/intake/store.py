"""Classifies, stores and announces a lead in one statement."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from leadgen.leads.store.leads import Answer


@dataclass(frozen=True)
class Intake:
    """What became of a post. ``answer`` is None unless the lead is stored; the flags before it are the reason."""

    resolution: str
    api_key_accepted: bool | None
    rate_limited: bool | None
    created: bool
    content_hash: str | None
    outbox_id: int | None
    answer: Answer | None


def take_in(conn: Connection[Any], post: Mapping[str, object]) -> Intake:
    """Resolve the source by the classification contract, insert the lead or find the one of the same key, announce it.

    The advisory locks make posts of the same person to one offer take turns, so that ``created_at`` and id order them
    as they were committed: duplicate detection rests on it. The API key is compared as a salted hash of hashes, whose
    timing reveals nothing about the stored one.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            WITH candidates AS (
              SELECT s.id, 0 AS specificity FROM sources s
               WHERE %(source_id)s::int IS NOT NULL AND s.is_active AND s.id = %(source_id)s
              UNION ALL
              SELECT s.id, 0 FROM sources s
               WHERE %(source_key)s::text IS NOT NULL AND s.is_active AND s.source_key = %(source_key)s
              UNION ALL
              SELECT s.id, length(coalesce(s.path_prefix, '')) FROM sources s
               WHERE %(hostname)s::text IS NOT NULL AND s.is_active AND s.hostname = %(hostname)s
                 AND (s.path_prefix IS NULL OR starts_with(%(path)s, s.path_prefix))
            ), best AS (
              SELECT id FROM candidates WHERE specificity = (SELECT max(specificity) FROM candidates) LIMIT 2
            ), chosen AS (
              SELECT id FROM best
              UNION ALL
              SELECT s.id FROM sources s
               WHERE NOT EXISTS (SELECT 1 FROM best) AND %(hostname)s::text IS NOT NULL
                 AND s.is_active AND s.source_key = %(default_source_key)s::text
            ), keyed AS (
              SELECT id, coalesce(%(idempotency_key)s::text, encode(sha256(convert_to(
                       'source_id=' || id || E'\n' || %(material)s::text, 'UTF8')), 'hex')) AS idempotency_key
                FROM chosen
               WHERE (SELECT count(*) FROM chosen) = 1
            ), source AS (
              SELECT s.id, s.offer_id, o.market_id, o.vertical_id, keyed.idempotency_key,
                     %(trusted)s OR s.api_key_hash IS NULL
                       OR sha256(convert_to(%(salt)s || s.api_key_hash, 'UTF8'))
                          = sha256(convert_to(%(salt)s || %(api_key_hash)s::text, 'UTF8')) IS TRUE AS api_key_accepted,
                     CASE WHEN jsonb_exists(%(rate_limits)s::jsonb, s.kind) AND NOT EXISTS (
                            SELECT 1 FROM leads l
                             WHERE l.source_id = s.id AND l.idempotency_key = keyed.idempotency_key) THEN
                       (%(rate_limits)s::jsonb ->> s.kind)::int <= (
                         SELECT count(*) FROM leads l
                          WHERE l.ip_address = %(ip_address)s::inet
                            AND l.created_at > CURRENT_TIMESTAMP - INTERVAL '1 minute')
                       ELSE false END AS rate_limited
                FROM keyed
                JOIN sources s ON s.id = keyed.id
                JOIN offers o ON o.id = s.offer_id
            ), turns AS MATERIALIZED (
              SELECT count(pg_advisory_xact_lock(turn)::text) AS taken
                FROM (SELECT DISTINCT hashtextextended(source.offer_id || ' ' || person, 0) AS turn
                        FROM source, unnest(ARRAY[%(normalized_phone)s::text, %(normalized_email)s::text]) AS person
                       WHERE person IS NOT NULL
                       ORDER BY 1) AS people
            ), stored AS (
              INSERT INTO leads (
                created_at, market_id, vertical_id, offer_id, source_id, idempotency_key,
                source, name, email, phone, country_code, postal_code, city, region_code, message,
                utm_source, utm_medium, utm_campaign, ip_address, ip_country, user_agent,
                normalized_email, normalized_phone, attributes, consent, gdpr_consent, content_hash, trace_id)
              SELECT
                clock_timestamp(), source.market_id, source.vertical_id, source.offer_id, source.id,
                source.idempotency_key,
                %(source)s, %(name)s, %(email)s, %(phone)s, %(country_code)s, %(postal_code)s, %(city)s,
                %(region_code)s, %(message)s, %(utm_source)s, %(utm_medium)s, %(utm_campaign)s,
                %(ip_address)s::inet, %(ip_country)s, %(user_agent)s, %(normalized_email)s, %(normalized_phone)s,
                %(attributes)s,
                %(consent)s, %(gdpr_consent)s, %(content_hash)s, %(trace_id)s
                FROM source, turns
               WHERE source.api_key_accepted AND NOT source.rate_limited AND turns.taken >= 0
              ON CONFLICT (source_id, idempotency_key) DO UPDATE SET updated_at = CURRENT_TIMESTAMP
              RETURNING leads.*, xmax = 0 AS created
            )
            SELECT
              CASE (SELECT count(*) FROM chosen) WHEN 0 THEN 'none' WHEN 1 THEN 'resolved' ELSE 'ambiguous' END
                AS resolution,
              source.api_key_accepted, source.rate_limited,
              stored.id AS lead_id, stored.status::text AS status, stored.buyer_id,
              coalesce(stored.price, stored.delivered_price) AS price, stored.source_id, stored.offer_id,
              stored.market_id, stored.vertical_id, stored.idempotency_key, stored.is_duplicate,
              stored.duplicate_of_lead_id,
              stored.status NOT IN ('received', 'validated') OR stored.unrouted_at IS NOT NULL
                OR stored.in_review_since IS NOT NULL AS settled,
              coalesce(stored.created, false) AS created, stored.content_hash,
              CASE WHEN stored.created THEN (
                SELECT max(sent.msg_id) FILTER (WHERE sent.queue_name = 'outbox')
                  FROM announce(ARRAY[jsonb_build_object(
                    'event', 'lead.received', 'lead_id', stored.id,
                    'occurred_at', stored.created_at, 'trace_id', %(trace_id)s::text)]) AS sent) END AS outbox_id
              FROM (SELECT 1) AS always
              LEFT JOIN source ON true
              LEFT JOIN stored ON true
            """,
            {**post, "attributes": Jsonb(post["attributes"]), "rate_limits": Jsonb(post["rate_limits"])},
        )
        row = cursor.fetchone()
    assert row is not None
    answer = {field.name: row.pop(field.name) for field in fields(Answer)}
    return Intake(**row, answer=None if answer["lead_id"] is None else Answer(**answer))
