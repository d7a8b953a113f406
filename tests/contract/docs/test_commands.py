"""Every command in the project's pages is run, in its order, on a stack as `make run` starts it.

A block that no test can run is marked in its page: ``<!-- not run: the reason -->``; one whose last command is meant to
fail: ``<!-- ends with 2: the reason -->``. All pages share one stack, in the order of ``PAGES``;
``make run`` is that stack.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.processes.running_stack import ROOT, RunningStack
from tests.support.repository.command_blocks import Shell, blocks, commands_without_a_language, differs

pytestmark = pytest.mark.timeout(900)

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(f"docs/{page.name}" for page in ROOT.glob("docs/*.md"))]
WAIT_SECONDS = 60.0
QUIET_SECONDS = 10.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A running stack with the examples in it, whose state is the ``.local`` of a checkout."""
    checkout = tmp_path_factory.mktemp("reader") / "leadgen"
    checkout.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in (".local", ".git"):
            (checkout / entry.name).symlink_to(entry)
    with RunningStack(checkout / ".local", {"ENVIRONMENT": "development"}, examples=True) as running:
        deadline = time.monotonic() + WAIT_SECONDS
        while "Serving at" not in running.output:
            assert time.monotonic() < deadline, running.output
            time.sleep(0.1)
        yield running


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(stack: RunningStack, page: str) -> None:
    checkout = stack.state.parent
    port = stack.summary["api_url"].rpartition(":")[2]
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(checkout),
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
        "LEADGEN_ACTOR": "alex",
        "PYTHONPATH": f"{ROOT / 'layers/core'}:{ROOT / 'local'}",
    }
    with Shell(checkout, environ) as shell, psycopg.connect(stack.summary["database_url"], autocommit=True) as conn:
        for block in blocks((ROOT / page).read_text(encoding="utf-8")):
            if block.reason is not None:
                continue
            for command in block.commands:
                await_quiet(conn)
                if command.text == "make run":
                    status, printed = 0, stack.output
                else:
                    assert not command.text.startswith("make "), f"{page}:{block.line}: make would change the checkout"
                    status, printed = shell.run(command.text.replace("localhost:8000", f"localhost:{port}"))
                expected = block.status if command is block.commands[-1] else 0
                told = f"{page}:{block.line}: {command.text}\n{printed}"
                assert status == expected, f"status {status}: {told}"
                # curl ends with 0 whatever the API responds.
                assert not re.search(r'"error":\s*\{', printed), told
                if command.shown is not None:
                    different = differs(command.shown, printed)
                    assert different is None, f"not as shown: {different}\n{told}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_in_a_block_that_is_run(page: str) -> None:
    assert commands_without_a_language((ROOT / page).read_text(encoding="utf-8")) == []


def await_quiet(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    """Wait until the stages have done what is due, as somebody who reads between two commands does."""
    names = [row[0] for row in conn.execute("SELECT queue_name FROM pgmq.list_queues()")]
    due = " UNION ALL ".join(
        f"SELECT 1 FROM pgmq.q_{name} WHERE vt <= now() OR read_ct = 1"
        for name in names
        if not str(name).endswith("_dlq")
    )
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline and conn.execute(f"SELECT EXISTS ({due})").fetchone() == (True,):
        time.sleep(0.05)
