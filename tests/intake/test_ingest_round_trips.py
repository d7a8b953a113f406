"""A post costs the database one round trip, whatever becomes of it."""

from typing import Any

from psycopg import Connection

from tests.support.factories import a_post, a_source, an_offer
from tests.support.stages.functions import Functions


def test_a_post_and_its_replay_and_its_refusal_are_one_statement_each(
    conn: Connection[Any], functions: Functions, statements: list[str]
) -> None:
    a_source(conn, an_offer(conn), source_key="once")
    client, body = functions.client(), a_post(source_key="once")
    for posted, status in ((body, 202), (body, 202), (body | {"source_key": "nobody"}, 400)):
        statements.clear()
        assert client.post("/api/leads", json=posted).status_code == status
        assert len(statements) == 1, statements
