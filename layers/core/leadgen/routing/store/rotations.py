"""Reads, saves and deletes the rotations of weighted round robin."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.routing.domain.allocation import Span
from leadgen.routing.domain.rotation import Rotation


def find(conn: Connection[Any], spans: Sequence[Span]) -> dict[int, list[Rotation]]:
    """By offer id, the rotations within these spans that had leads already. The members' buyers are locked."""
    rows = conn.execute(
        """
        SELECT DISTINCT r.offer_id, r.members, r.weights, r.assigned
          FROM unnest(%s::int[], %s::text[], %s::text[], %s::int[]) AS s(offer_id, at_least, at_most, fewest)
          JOIN rotations r
            ON r.offer_id = s.offer_id AND r.members @> s.at_least::int[] AND r.members <@ s.at_most::int[]
           AND cardinality(r.members) >= s.fewest
        """,
        (
            [span.offer_id for span in spans],
            [int_array(span.at_least) for span in spans],
            [int_array(span.at_most) for span in spans],
            [span.fewest for span in spans],
        ),
    )
    found: dict[int, list[Rotation]] = defaultdict(list)
    for offer_id, members, weights, assigned in rows:
        found[offer_id].append(Rotation(tuple(members), tuple(weights), tuple(assigned)))
    return found


def int_array(numbers: Sequence[int]) -> str:
    """A list of numbers as PostgreSQL writes it: lists of several lengths do not fit into one array."""
    return "{" + ",".join(map(str, numbers)) + "}"


def save(conn: Connection[Any], rotated: Mapping[tuple[int, bytes], Rotation], *, now: datetime) -> None:
    """Keep how leads were shared, under the members' locks."""
    conn.execute(
        """
        INSERT INTO rotations (offer_id, rotation_key, members, weights, assigned, used_at)
        SELECT r.offer_id, r.rotation_key, r.members::int[], r.weights::int[], r.assigned::int[], %s
          FROM unnest(%s::int[], %s::bytea[], %s::text[], %s::text[], %s::text[])
               AS r(offer_id, rotation_key, members, weights, assigned)
        ON CONFLICT (offer_id, rotation_key)
        DO UPDATE SET assigned = excluded.assigned, used_at = excluded.used_at
        """,
        (
            now,
            [offer_id for offer_id, _ in rotated],
            [key for _, key in rotated],
            [int_array(rotation.members) for rotation in rotated.values()],
            [int_array(rotation.weights) for rotation in rotated.values()],
            [int_array(rotation.taken) for rotation in rotated.values()],
        ),
    )


def delete(conn: Connection[Any], *, before: datetime, limit: int) -> int:
    """Forget up to ``limit`` rotations that have had no lead since; how many. They begin anew."""
    return conn.execute(
        """
        DELETE FROM rotations r
         USING (SELECT offer_id, rotation_key FROM rotations WHERE used_at < %s ORDER BY used_at LIMIT %s
                   FOR UPDATE SKIP LOCKED) AS old
         WHERE r.offer_id = old.offer_id AND r.rotation_key = old.rotation_key
        """,
        (before, limit),
    ).rowcount
