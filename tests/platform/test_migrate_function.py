"""The migrate function: on every deploy, and changing nothing the second time."""

import psycopg
import pytest

from leadgen.platform import settings
from tests.conftest import ROOT
from tests.support.stages.functions import Functions


@pytest.fixture
def empty(environment: pytest.MonkeyPatch, empty_database_url: str) -> str:
    """The settings name an empty database and the folder of migrations."""
    environment.setenv("DATABASE_URL", empty_database_url)
    environment.setenv("MIGRATIONS_DIR", str(ROOT / "sql" / "migrations"))
    settings.current.cache_clear()
    return empty_database_url


def test_an_empty_database_is_migrated_and_every_topic_goes_to_the_outbox(empty: str, functions: Functions) -> None:
    migrate = functions.module("migrate").handler
    files = sorted(file.name for file in (ROOT / "sql" / "migrations").glob("*.sql"))
    assert migrate({}, None)["applied"][1:] == files
    assert migrate({}, None) == {"applied": []}
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT pattern, queue_name FROM pgmq.topic_bindings").fetchall() == [("#", "outbox")]
        assert conn.execute("SELECT queue_name FROM pgmq.meta").fetchall() == [("outbox",)]
        assert conn.execute("SELECT count(*) FROM leads").fetchone() == (0,)


def test_without_a_folder_it_says_which_setting_is_missing(
    empty: str, environment: pytest.MonkeyPatch, functions: Functions
) -> None:
    environment.delenv("MIGRATIONS_DIR")
    settings.current.cache_clear()
    with pytest.raises(RuntimeError, match="MIGRATIONS_DIR"):
        functions.module("migrate").handler({}, None)
