"""Reads what a database holds: nothing, or so many markets and leads, and what became of these."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from leadgen.terminal.tables import columns
from leadgen_local.examples.leads import OUTCOME

Connection = psycopg.Connection[tuple[Any, ...]]

_COLUMNS = ("market", "buyers", "leads", "billed", "rejected", "in review", "unrouted", "under way")


def summary(conn: Connection) -> str | None:
    """The configuration's version and the numbers of markets and leads, in words; None where there is nothing."""
    row = conn.execute(
        """
        SELECT (SELECT max(number) FROM configuration_versions), (SELECT count(*) FROM markets),
               (SELECT count(*) FROM leads)
        """
    ).fetchone()
    assert row is not None
    version, markets, leads = row
    if version is None and not markets and not leads:
        return None
    configured = "a configuration without history" if version is None else f"configuration version {version}"
    return f"{configured}, {_counted(markets, 'market')} and {_counted(leads, 'lead')}"


def report(database_url: str, print_line: Callable[[str], None]) -> None:
    """Print a line for each market: its buyers, and its leads by outcome."""
    with psycopg.connect(database_url) as conn:
        found = summary(conn)
        rows = _markets(conn)
    print_line("")
    if rows:
        for line in columns(_COLUMNS, rows, left=1):
            print_line(line)
        print_line("")
    print_line(f"The database has {found or 'no configuration and no leads'}.")


def _markets(conn: Connection) -> list[tuple[str, ...]]:
    rows = conn.execute(
        sql.SQL(
            """
            WITH became AS (
              SELECT l.market_id, {outcome} AS outcome, count(*) AS leads
                FROM leads l
                LEFT JOIN deliveries d ON d.lead_id = l.id AND d.status <> 'released'
               GROUP BY 1, 2
            )
            SELECT m.name,
                   (SELECT count(DISTINCT e.buyer_id) FROM buyer_offers e JOIN offers o ON o.id = e.offer_id
                     WHERE o.market_id = m.id AND e.is_active),
                   coalesce(sum(b.leads), 0),
                   coalesce(sum(b.leads) FILTER (WHERE b.outcome = 'billed'), 0),
                   coalesce(sum(b.leads) FILTER (WHERE b.outcome = 'rejected'), 0),
                   coalesce(sum(b.leads) FILTER (WHERE b.outcome = 'in_review'), 0),
                   coalesce(sum(b.leads) FILTER (WHERE b.outcome = 'unrouted'), 0),
                   coalesce(sum(b.leads) FILTER (WHERE b.outcome IS NULL), 0)
              FROM markets m LEFT JOIN became b ON b.market_id = m.id
             GROUP BY m.id ORDER BY m.name
            """
        ).format(outcome=OUTCOME)
    ).fetchall()
    return [tuple(str(cell) for cell in row) for row in rows]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
