"""Many posts at once, over HTTP, through the whole stack."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.factories import a_buyer, a_post, a_source, an_enrollment, an_offer
from tests.support.processes.running_stack import RunningStack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    with RunningStack(tmp_path / "state", {"LOG_LEVEL": "WARNING"}) as running:
        yield running


def post_at_once(stack: RunningStack, posts: list[dict[str, Any]], threads: int) -> list[dict[str, Any]]:
    with stack.client() as client, ThreadPoolExecutor(threads) as pool:
        answers = list(
            pool.map(lambda post: client.post("/api/leads", json=post, headers={"Prefer": "wait=10"}), posts)
        )
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json() for answer in answers]


def test_20_identical_posts_at_once_are_one_lead(stack: RunningStack) -> None:
    with psycopg.connect(stack.summary["database_url"], autocommit=True) as conn:
        a_source(conn, an_offer(conn), source_key="twenty")
        answers = post_at_once(stack, [a_post(source_key="twenty", phone="+13035550111")] * 20, threads=20)
        assert len({answer["lead_id"] for answer in answers}) == 1
        assert conn.execute("SELECT count(*) FROM leads").fetchone() == (1,)


def test_200_leads_at_once_for_a_cap_of_50_deliver_exactly_50(stack: RunningStack) -> None:
    with psycopg.connect(stack.summary["database_url"], autocommit=True) as conn:
        offer = an_offer(conn, market_id=None)
        a_source(conn, offer, source_key="capped")
        buyer = a_buyer(conn, webhook_url=f"{stack.summary['sink_url']}/capped")
        an_enrollment(conn, buyer, offer, capacity_per_day=50)
        answers = post_at_once(stack, [a_post(source_key="capped") for _ in range(200)], threads=200)
        assert Counter(answer["status"] for answer in answers) == {"delivered": 50, "validated": 150}
        assert conn.execute("SELECT count(*) FROM leads WHERE buyer_id IS NOT NULL").fetchone() == (50,)
        assert conn.execute("SELECT count(*) FROM deliveries").fetchone() == (50,)
