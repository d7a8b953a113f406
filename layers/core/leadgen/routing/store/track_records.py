"""Measures what became of buyers' leads, for the performance strategy and the SLA."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.routing.domain.eligibility import TrackRecord


@dataclass(frozen=True)
class Lookback:
    """From when on a policy of an offer counts answers and deliveries, and how fast a delivery must be taken."""

    offer_id: int
    answers_since: datetime
    deliveries_since: datetime
    most_seconds: int


def track_records(
    conn: Connection[Any], buyer_ids: Collection[int], lookbacks: Sequence[Lookback], *, now: datetime
) -> dict[int, TrackRecord]:
    """What became of the buyers' leads in these offers, by buyer_offer_id.

    A delivery counts once it is settled, and also when it has not been taken in time: hanging is no way to stay fast.
    """
    rows = conn.execute(
        """
        SELECT bo.id,
               count(*) FILTER (WHERE l.delivered_at >= p.answers_since AND l.status IN ('accepted', 'rejected')),
               count(*) FILTER (WHERE l.delivered_at >= p.answers_since AND l.status = 'accepted'),
               count(*) FILTER (WHERE d.created_at >= p.deliveries_since
                                  AND (d.status <> 'pending' OR d.created_at + p.patience < %(now)s)),
               count(*) FILTER (WHERE d.created_at >= p.deliveries_since
                                  AND d.status = 'succeeded' AND d.settled_at <= d.created_at + p.patience)
          FROM (SELECT offer_id, answers_since, deliveries_since, make_interval(secs => seconds) AS patience
                  FROM unnest(%(offer_ids)s::int[], %(answers)s::timestamptz[], %(deliveries)s::timestamptz[],
                              %(seconds)s::int[]) AS p(offer_id, answers_since, deliveries_since, seconds)) AS p
          JOIN buyer_offers bo ON bo.offer_id = p.offer_id AND bo.buyer_id = ANY(%(buyer_ids)s)
          JOIN leads l ON l.buyer_id = bo.buyer_id AND l.offer_id = bo.offer_id
           AND l.delivered_at >= least(p.answers_since, p.deliveries_since)
          LEFT JOIN deliveries d ON d.lead_id = l.id AND d.status <> 'released'
         GROUP BY bo.id
        """,
        {
            "buyer_ids": sorted(buyer_ids),
            "offer_ids": [lookback.offer_id for lookback in lookbacks],
            "answers": [lookback.answers_since for lookback in lookbacks],
            "deliveries": [lookback.deliveries_since for lookback in lookbacks],
            "seconds": [lookback.most_seconds for lookback in lookbacks],
            "now": now,
        },
    )
    return {buyer_offer_id: TrackRecord(*counts) for buyer_offer_id, *counts in rows}
