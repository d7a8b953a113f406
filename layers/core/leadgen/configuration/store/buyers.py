"""Writes configured buyers, their terms and their enrollments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.configuration.store.offers import Deactivated, Written, only


def lock_buyers(conn: Connection[Any], emails: Sequence[str]) -> None:
    """Lock the buyers there are of these addresses in id order, as the stages do."""
    conn.execute("SELECT id FROM buyers WHERE email = ANY(%s::text[]) ORDER BY id FOR NO KEY UPDATE", (list(emails),))


@dataclass(frozen=True)
class BoundCurrency:
    """A buyer who cannot be billed in another currency."""

    email: str
    currency: str


def buyers_bound_to_currency(
    conn: Connection[Any], *, emails: Sequence[str], currencies: Sequence[str]
) -> list[BoundCurrency]:
    """The buyers whose currency is not the one given beside their address, and who owe, have paid or are enrolled in
    a market of another one.
    """
    with conn.cursor(row_factory=class_row(BoundCurrency)) as cursor:
        cursor.execute(
            """
            SELECT b.email, b.currency
              FROM unnest(%s::text[], %s::text[]) AS wanted(email, currency)
              JOIN buyers b ON b.email = wanted.email AND b.currency <> wanted.currency
             WHERE b.balance > 0 OR b.pending_amount > 0
                OR EXISTS (SELECT FROM ledger_transactions t WHERE t.buyer_id = b.id)
                OR EXISTS (SELECT FROM buyer_offers bo
                             JOIN offers o ON o.id = bo.offer_id
                             JOIN markets m ON m.id = o.market_id
                            WHERE bo.buyer_id = b.id AND bo.is_active AND m.currency <> wanted.currency)
            """,
            (list(emails), list(currencies)),
        )
        return cursor.fetchall()


def secret_of_fingerprint(conn: Connection[Any], *, email: str, fingerprint: str) -> str | None:
    """The buyer's webhook secret, if it is the one with this SHA-256 in hex."""
    row = conn.execute(
        """
        SELECT webhook_secret FROM buyers
         WHERE email = %s AND encode(sha256(convert_to(webhook_secret, 'UTF8')), 'hex') = %s
        """,
        (email, fingerprint),
    ).fetchone()
    return row[0] if row else None


def ids_by_email(conn: Connection[Any], emails: Sequence[str]) -> dict[str, int]:
    """The buyers there are of these addresses."""
    return dict(conn.execute("SELECT email, id FROM buyers WHERE email = ANY(%s::text[])", (list(emails),)).fetchall())


def emails_by_id(conn: Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The addresses of these buyers."""
    return dict(conn.execute("SELECT id, email FROM buyers WHERE id = ANY(%s::int[])", (list(ids),)).fetchall())


def members_of_policies(
    conn: Connection[Any], *, names: Sequence[str], but_offers: Sequence[int]
) -> set[tuple[str, str]]:
    """The routing policies' names and the addresses of the buyers enrolled in the offers that use them, other than
    these.
    """
    return set(
        conn.execute(
            """
            SELECT DISTINCT p.name, b.email
              FROM routing_policies p
              JOIN offers o ON o.routing_policy_id = p.id
              JOIN buyer_offers bo ON bo.offer_id = o.id
              JOIN buyers b ON b.id = bo.buyer_id
             WHERE p.name = ANY(%s::text[]) AND o.id <> ALL(%s::int[])
            """,
            (list(names), list(but_offers)),
        )
    )


def upsert_buyer(
    conn: Connection[Any],
    *,
    email: str,
    name: str,
    phone: str,
    company: str | None,
    webhook_url: str | None,
    webhook_secret: str | None,
    email_notifications: bool,
    sms_notifications: bool,
    is_active: bool,
    credit_limit: Decimal | None,
    billing_cycle: str,
    currency: str,
    billing: str,
) -> Written:
    """The buyer of this address; ``billing`` is a JSON text. Of a webhook secret the states hold only whether there is
    one, and whether it was replaced. For a day what is sent is signed with the replaced one as well.
    """
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, webhook_secret,
                     to_jsonb(b) - ARRAY['id', 'created_at', 'updated_at', 'balance', 'pending_amount',
                                         'payment_method', 'payment_method_id', 'webhook_secret',
                                         'previous_webhook_secret', 'previous_secret_until', 'paused_since',
                                         'provider_customer_id']
                       || jsonb_build_object(
                            'webhook_secret', CASE WHEN webhook_secret IS NOT NULL THEN 'set' END) AS state
                FROM buyers b WHERE email = %(email)s
            ), written AS (
              INSERT INTO buyers AS b (email, name, phone, company, webhook_url, webhook_secret, email_notifications,
                                       sms_notifications, is_active, credit_limit, billing_cycle, currency, billing)
              VALUES (%(email)s, %(name)s, %(phone)s, %(company)s, %(webhook_url)s, %(webhook_secret)s,
                      %(email_notifications)s, %(sms_notifications)s, %(is_active)s, %(credit_limit)s,
                      %(billing_cycle)s, %(currency)s, %(billing)s::jsonb)
              ON CONFLICT (email) DO UPDATE
                 SET name = excluded.name, phone = excluded.phone, company = excluded.company,
                     webhook_url = excluded.webhook_url, webhook_secret = excluded.webhook_secret,
                     previous_webhook_secret = CASE
                       WHEN excluded.webhook_secret IS NULL THEN NULL
                       WHEN b.webhook_secret <> excluded.webhook_secret THEN b.webhook_secret
                       ELSE b.previous_webhook_secret END,
                     previous_secret_until = CASE
                       WHEN excluded.webhook_secret IS NULL THEN NULL
                       WHEN b.webhook_secret <> excluded.webhook_secret THEN CURRENT_TIMESTAMP + INTERVAL '24 hours'
                       ELSE b.previous_secret_until END,
                     email_notifications = excluded.email_notifications, sms_notifications = excluded.sms_notifications,
                     is_active = excluded.is_active, credit_limit = excluded.credit_limit,
                     billing_cycle = excluded.billing_cycle, currency = excluded.currency, billing = excluded.billing,
                     updated_at = CURRENT_TIMESTAMP
               WHERE (b.name, b.phone, b.company, b.webhook_url, b.webhook_secret, b.email_notifications,
                      b.sms_notifications, b.is_active, b.credit_limit, b.billing_cycle, b.currency, b.billing)
                     IS DISTINCT FROM (excluded.name, excluded.phone, excluded.company, excluded.webhook_url,
                                       excluded.webhook_secret, excluded.email_notifications,
                                       excluded.sms_notifications, excluded.is_active, excluded.credit_limit,
                                       excluded.billing_cycle, excluded.currency, excluded.billing)
              RETURNING id, webhook_secret,
                        to_jsonb(b) - ARRAY['id', 'created_at', 'updated_at', 'balance', 'pending_amount',
                                            'payment_method', 'payment_method_id', 'webhook_secret',
                                            'previous_webhook_secret', 'previous_secret_until', 'paused_since',
                                            'provider_customer_id'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before,
                   (written.state || jsonb_build_object('webhook_secret',
                      CASE WHEN written.webhook_secret IS NULL THEN NULL
                           WHEN before.webhook_secret <> written.webhook_secret THEN 'replaced' ELSE 'set' END))::text
                     AS after
              FROM before FULL JOIN written ON true
            """,
            {
                "email": email,
                "name": name,
                "phone": phone,
                "company": company,
                "webhook_url": webhook_url,
                "webhook_secret": webhook_secret,
                "email_notifications": email_notifications,
                "sms_notifications": sms_notifications,
                "is_active": is_active,
                "credit_limit": credit_limit,
                "billing_cycle": billing_cycle,
                "currency": currency,
                "billing": billing,
            },
        )
        return only(cursor)


def has_had_prepaid_money(conn: Connection[Any], *, buyer_id: int) -> bool:
    """Whether a buyer's wallet was opened, or anything ever moved in it."""
    row = conn.execute(
        """
        SELECT EXISTS (SELECT FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                        WHERE t.buyer_id = %s AND 'wallet' IN (e.debit, e.credit))
        """,
        (buyer_id,),
    ).fetchone()
    return row is not None and bool(row[0])


def upsert_enrollment(
    conn: Connection[Any],
    *,
    buyer_id: int,
    offer_id: int,
    is_active: bool,
    priority: int,
    price: Decimal | None,
    capacity_per_hour: int | None,
    capacity_per_day: int | None,
    capacity_per_week: int | None,
    capacity_per_month: int | None,
    budget_per_hour: Decimal | None,
    budget_per_day: Decimal | None,
    budget_per_week: Decimal | None,
    budget_per_month: Decimal | None,
    filter: str | None,  # noqa: A002 - as the files call it
    consent: str | None,
    min_balance_required: Decimal | None,
    pause_until: datetime | None,
    webhook_url: str | None,
    email: str | None,
    sms: str | None,
    delivery: str | None,
    returns: str | None,
) -> Written:
    """The buyer's enrollment in the offer; ``filter``, ``consent``, ``delivery`` and ``returns`` are JSON texts."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              -- As text: jsonb would not keep the order of the delivery's fields.
              SELECT id, left((to_jsonb(bo) - ARRAY['id', 'created_at', 'updated_at', 'delivery'])::text, -1)
                         || ', "delivery": ' || coalesce(delivery::text, 'null') || '}' AS state
                FROM buyer_offers bo
               WHERE buyer_id = %(buyer_id)s AND offer_id = %(offer_id)s
            ), written AS (
              INSERT INTO buyer_offers AS bo (buyer_id, offer_id, is_active, routing_priority, price_per_lead,
                                              capacity_per_hour, capacity_per_day, capacity_per_week,
                                              capacity_per_month, budget_per_hour, budget_per_day, budget_per_week,
                                              budget_per_month, filter, consent, min_balance_required, pause_until,
                                              webhook_url_override, email_override, sms_override, delivery, returns)
              VALUES (%(buyer_id)s, %(offer_id)s, %(is_active)s, %(priority)s, %(price)s,
                      %(capacity_per_hour)s, %(capacity_per_day)s, %(capacity_per_week)s, %(capacity_per_month)s,
                      %(budget_per_hour)s, %(budget_per_day)s, %(budget_per_week)s, %(budget_per_month)s,
                      %(filter)s::jsonb, %(consent)s::jsonb, %(min_balance_required)s, %(pause_until)s,
                      %(webhook_url)s, %(email)s, %(sms)s, %(delivery)s::json, %(returns)s::jsonb)
              ON CONFLICT (buyer_id, offer_id) DO UPDATE
                 SET is_active = excluded.is_active, routing_priority = excluded.routing_priority,
                     price_per_lead = excluded.price_per_lead, capacity_per_hour = excluded.capacity_per_hour,
                     capacity_per_day = excluded.capacity_per_day, capacity_per_week = excluded.capacity_per_week,
                     capacity_per_month = excluded.capacity_per_month, budget_per_hour = excluded.budget_per_hour,
                     budget_per_day = excluded.budget_per_day, budget_per_week = excluded.budget_per_week,
                     budget_per_month = excluded.budget_per_month, filter = excluded.filter,
                     consent = excluded.consent, min_balance_required = excluded.min_balance_required,
                     pause_until = excluded.pause_until, webhook_url_override = excluded.webhook_url_override,
                     email_override = excluded.email_override, sms_override = excluded.sms_override,
                     delivery = excluded.delivery, returns = excluded.returns,
                     updated_at = CURRENT_TIMESTAMP
               WHERE (bo.is_active, bo.routing_priority, bo.price_per_lead, bo.capacity_per_hour, bo.capacity_per_day,
                      bo.capacity_per_week, bo.capacity_per_month, bo.budget_per_hour, bo.budget_per_day,
                      bo.budget_per_week, bo.budget_per_month, bo.filter, bo.consent, bo.min_balance_required,
                      bo.pause_until, bo.webhook_url_override, bo.email_override, bo.sms_override, bo.delivery::text,
                      bo.returns)
                     IS DISTINCT FROM
                     (excluded.is_active, excluded.routing_priority, excluded.price_per_lead,
                      excluded.capacity_per_hour, excluded.capacity_per_day, excluded.capacity_per_week,
                      excluded.capacity_per_month, excluded.budget_per_hour, excluded.budget_per_day,
                      excluded.budget_per_week, excluded.budget_per_month, excluded.filter, excluded.consent,
                      excluded.min_balance_required, excluded.pause_until, excluded.webhook_url_override,
                      excluded.email_override, excluded.sms_override, excluded.delivery::text,
                      excluded.returns)
              RETURNING id, left((to_jsonb(bo) - ARRAY['id', 'created_at', 'updated_at', 'delivery'])::text, -1)
                         || ', "delivery": ' || coalesce(delivery::text, 'null') || '}' AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state AS before, written.state AS after
              FROM before FULL JOIN written ON true
            """,
            {
                "buyer_id": buyer_id,
                "offer_id": offer_id,
                "is_active": is_active,
                "priority": priority,
                "price": price,
                "capacity_per_hour": capacity_per_hour,
                "capacity_per_day": capacity_per_day,
                "capacity_per_week": capacity_per_week,
                "capacity_per_month": capacity_per_month,
                "budget_per_hour": budget_per_hour,
                "budget_per_day": budget_per_day,
                "budget_per_week": budget_per_week,
                "budget_per_month": budget_per_month,
                "filter": filter,
                "consent": consent,
                "min_balance_required": min_balance_required,
                "pause_until": pause_until,
                "webhook_url": webhook_url,
                "email": email,
                "sms": sms,
                "delivery": delivery,
                "returns": returns,
            },
        )
        return only(cursor)


def deactivate_enrollments(conn: Connection[Any], *, offer_id: int, keep: Sequence[int]) -> list[Deactivated]:
    """End the offer's enrollments of buyers who are not among these."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE buyer_offers bo SET is_active = false, updated_at = CURRENT_TIMESTAMP
              FROM buyers b
             WHERE b.id = bo.buyer_id AND bo.offer_id = %s AND bo.is_active AND bo.buyer_id <> ALL(%s::int[])
            RETURNING bo.id, b.name
            """,
            (offer_id, list(keep)),
        )
        return cursor.fetchall()


def deactivate_enrollments_elsewhere(conn: Connection[Any], *, keep_offers: Sequence[int]) -> list[Deactivated]:
    """End every enrollment in an offer that is not among these."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE buyer_offers bo SET is_active = false, updated_at = CURRENT_TIMESTAMP
              FROM buyers b, offers o
             WHERE b.id = bo.buyer_id AND o.id = bo.offer_id AND bo.is_active AND o.id <> ALL(%s::int[])
            RETURNING bo.id, b.name || ' in ' || o.name AS name
            """,
            (list(keep_offers),),
        )
        return cursor.fetchall()
