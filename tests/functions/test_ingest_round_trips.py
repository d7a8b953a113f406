"""A post costs the database one round trip, whatever becomes of it."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.factories import a_post, a_source, an_offer
from tests.functions_under_test import Functions


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent; BEGIN and COMMIT would be among them."""
    sent: list[str] = []
    execute, command = psycopg.Cursor.execute, psycopg.Connection._exec_command

    def executing(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *args, **options)

    def commanding(self: Any, statement: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(statement))
        return command(self, statement, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", executing)
    monkeypatch.setattr(psycopg.Connection, "_exec_command", commanding)
    return sent


def test_a_post_and_its_replay_and_its_refusal_are_one_statement_each(
    conn: Connection[Any], functions: Functions, statements: list[str]
) -> None:
    a_source(conn, an_offer(conn), source_key="once")
    client, body = functions.client(), a_post(source_key="once")
    for posted, status in ((body, 202), (body, 202), (body | {"source_key": "nobody"}, 400)):
        statements.clear()
        assert client.post("/api/leads", json=posted).status_code == status
        assert len(statements) == 1, statements
