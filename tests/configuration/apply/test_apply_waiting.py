"""Leads that wait for a buyer are tried again at once when something changed that may have been in their way."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.configuration.service.apply import application, apply_files
from leadgen.leads.store import leads
from tests.support.configurations import changed, written
from tests.support.factories import a_lead, a_source, an_offer

DEARER = changed(("price: 45.10", "price: 60"))
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def source(conn: Connection[Any], tmp_path: Path) -> int:
    """A source of the file's offer."""
    apply_files(conn, [written(tmp_path)], {})
    (source_id,) = conn.execute("SELECT id FROM sources WHERE source_key = 'lawns-web'").fetchone() or (0,)
    return int(source_id)


def waiting(conn: Connection[Any], source_id: int, **values: Any) -> int:
    state = {"status": "validated", "unrouted_at": datetime(2026, 6, 1, tzinfo=UTC), "route_again_at": LATER}
    return a_lead(conn, source_id, **{**state, **values})


def is_due(conn: Connection[Any], lead_id: int) -> bool:
    (due,) = conn.execute(
        "SELECT route_again_at < clock_timestamp() FROM leads WHERE id = %s", (lead_id,)
    ).fetchone() or (False,)
    return bool(due)


def test_a_change_makes_the_waiting_leads_of_the_files_offers_due(
    conn: Connection[Any], tmp_path: Path, source: int, capsys: pytest.CaptureFixture[str]
) -> None:
    held = [waiting(conn, source), waiting(conn, source)]
    others = [
        waiting(conn, source, in_review_since=LATER, review_reason="policy_invalid"),
        waiting(conn, source, status="received"),
        waiting(conn, a_source(conn, an_offer(conn))),
    ]
    path = str(written(tmp_path, DEARER))
    assert cli.main(["config", "plan", path]) == cli.CHANGES
    assert "2 waiting leads would be tried again." in capsys.readouterr().out
    assert not any(is_due(conn, lead_id) for lead_id in held)
    assert cli.main(["config", "apply", path]) == cli.DONE
    assert "2 waiting leads will be tried again." in capsys.readouterr().out
    assert all(is_due(conn, lead_id) for lead_id in held)
    assert not any(is_due(conn, lead_id) for lead_id in others)


def test_the_next_sweep_announces_them(conn: Connection[Any], tmp_path: Path, source: int) -> None:
    held = waiting(conn, source)
    apply_files(conn, [written(tmp_path, DEARER)], {})
    (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or (LATER,)
    stuck = leads.take_stuck(conn, now=now, since=datetime(2026, 1, 1, tzinfo=UTC), limit=10)
    assert [lead.lead_id for lead in stuck] == [held]


def test_without_a_change_they_wait_on(conn: Connection[Any], tmp_path: Path, source: int) -> None:
    held = waiting(conn, source)
    assert application(conn, [written(tmp_path)], {}).waiting_leads == 0
    assert not is_due(conn, held)


def test_a_lead_that_a_stage_holds_is_passed_over_and_not_waited_for(
    conn: Connection[Any], database_url: str, tmp_path: Path, source: int
) -> None:
    taken, free = waiting(conn, source), waiting(conn, source)
    with psycopg.connect(database_url) as stage:
        stage.execute("SELECT id FROM leads WHERE id = %s FOR NO KEY UPDATE", (taken,))
        conn.execute("SET lock_timeout = '5s'")
        assert application(conn, [written(tmp_path, DEARER)], {}).waiting_leads == 1
    assert (is_due(conn, taken), is_due(conn, free)) == (False, True)
