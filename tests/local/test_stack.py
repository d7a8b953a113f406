"""The whole stack as one command: it comes up, survives the death of any of its processes, and goes away entirely."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.local import EVENT_SECONDS, await_end
from tests.support.processes.background import IGNORING_INTERRUPTS

MARKET = Path(__file__).parents[2] / "bench" / "market.yaml"
CHILDREN = ("postgres", "gateway", "worker", "worker-documents", "sinks")


@dataclass
class Running:
    """A stack under test and what it said so far."""

    process: subprocess.Popen[str]
    state: Path

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return summary

    def await_line(self, wanted: str) -> str:
        """The next line it says that has the wanted text."""
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if wanted in line:
                return line
        raise AssertionError(f"the stack never said {wanted!r}, but:\n{''.join(said)}")

    def rest(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def health(self) -> int:
        with urllib.request.urlopen(f"{self.summary['api_url']}/health", timeout=EVENT_SECONDS) as response:
            return int(response.status)


def start(state: Path, *arguments: str, before: Sequence[str] = (), **environment: str) -> Running:
    inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SECRET_KEY")}
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "leadgen_local", *(arguments or ("--no-examples",))],
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LEADGEN_STATE": str(state),
            "LEADGEN_PORT": "0",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Running(process, state)


def finish(stack: Running) -> None:
    """Stop a stack whatever state a test left it in."""
    stack.process.terminate()
    stack.process.wait(EVENT_SECONDS)
    assert stack.process.stdout is not None
    stack.process.stdout.close()


def end_of(stack: Running) -> tuple[str, int]:
    """What a stack that ends by itself printed, and its status."""
    said = stack.rest()
    status = stack.process.wait(EVENT_SECONDS)
    finish(stack)
    return said, status


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("stack") / "state")
    try:
        running.await_line("Serving at")
        yield running
    finally:
        finish(running)


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Running]:
    running = start(tmp_path / "state")
    try:
        running.await_line("Serving at")
        yield running
    finally:
        finish(running)


def test_the_summary_is_private_and_complete(stack: Running) -> None:
    summary = stack.summary
    addresses = {"api_url", "public_url", "database_url", "sink_url", "stripe_url"}
    assert set(summary) == {*addresses, "operator_token", "pids"}
    assert set(summary["pids"]) == {"stack", *CHILDREN}
    assert summary["pids"]["stack"] == stack.process.pid
    assert (stack.state / "stack.json").stat().st_mode & 0o777 == 0o600
    assert stack.health() == 200
    with psycopg.connect(summary["database_url"]) as conn:
        assert conn.execute("SELECT count(*) FROM leads").fetchone() == (0,)


def test_addresses_no_route_names_are_not_found(stack: Running) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{stack.summary['api_url']}/nowhere", timeout=EVENT_SECONDS)
    with raised.value as answer:
        assert answer.status == 404
        body = json.load(answer)
    assert body["error"]["code"] == "not_found"
    assert body["detail"] == body["error"]


@pytest.mark.parametrize("name", CHILDREN)
def test_a_killed_process_is_started_again(stack: Running, name: str) -> None:
    pid = stack.summary["pids"][name]
    os.kill(pid, signal.SIGKILL)
    assert "was killed by SIGKILL" in stack.await_line(f"{name} (pid {pid})")
    stack.await_line(f"{name} started again")
    assert stack.health() == 200
    await_new_pid(stack, name, pid)


def await_new_pid(stack: Running, name: str, old: int) -> None:
    # The summary is replaced right after the line was said.
    while stack.summary["pids"][name] == old:
        assert stack.process.poll() is None


def test_a_second_stack_on_the_same_state_is_told_who_has_it(stack: Running) -> None:
    second = start(stack.state)
    said = second.rest()
    assert second.process.wait(EVENT_SECONDS) == 1
    finish(second)
    assert f"already running on {stack.state} (pid {stack.process.pid})" in said
    assert "LEADGEN_STATE" in said
    assert stack.health() == 200


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        second = start(tmp_path / "state", LEADGEN_PORT=str(port))
        said = second.rest()
    assert second.process.wait(EVENT_SECONDS) == 1
    finish(second)
    assert f"Port {port}" in said
    assert "LEADGEN_PORT" in said


def test_settings_that_do_not_work_are_told_before_anything_serves(tmp_path: Path) -> None:
    running = start(tmp_path / "state", SECRET_KEY="short", WEBHOOK_TIMEOUT_SECONDS="soon")
    said = running.rest()
    assert running.process.wait(EVENT_SECONDS) == 1
    finish(running)
    assert "SECRET_KEY" in said
    assert "WEBHOOK_TIMEOUT_SECONDS" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_leaves_no_process(own_stack: Running, number: signal.Signals) -> None:
    pids = own_stack.summary["pids"]
    own_stack.process.send_signal(number)
    assert own_stack.process.wait(10) == 0
    for name in CHILDREN:
        await_end(pids[name])
    assert not (own_stack.state / "stack.json").exists()


def test_a_stack_that_a_shell_started_in_the_background_ends_at_an_interrupt(tmp_path: Path) -> None:
    running = start(tmp_path / "state", before=IGNORING_INTERRUPTS)
    try:
        running.await_line("Serving at")
        pids = running.summary["pids"]
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(10) == 0
        for name in CHILDREN:
            await_end(pids[name])
    finally:
        finish(running)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_stack_leaves_no_process_and_starts_again_at_once_with_its_data(own_stack: Running) -> None:
    summary = own_stack.summary
    with psycopg.connect(summary["database_url"]) as conn:
        conn.execute("CREATE TABLE kept ()")
    own_stack.process.kill()
    again = start(own_stack.state)
    try:
        again.await_line("Serving at")
        for name in CHILDREN:
            await_end(summary["pids"][name])
        assert again.summary["database_url"] == summary["database_url"]
        assert again.summary["sink_url"] == summary["sink_url"]
        with psycopg.connect(again.summary["database_url"]) as conn:
            assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert again.health() == 200
    finally:
        finish(again)


def test_a_database_of_one_s_own_is_used_instead(tmp_path: Path, empty_database_url: str) -> None:
    running = start(tmp_path / "state", DATABASE_URL=empty_database_url)
    try:
        running.await_line("Serving at")
        assert running.summary["database_url"] == empty_database_url
        assert "postgres" not in running.summary["pids"]
        assert not (running.state / "postgres").exists()
        assert running.health() == 200
    finally:
        finish(running)


def test_once_applies_the_examples_posts_the_leads_and_ends(tmp_path: Path) -> None:
    running = start(tmp_path / "state", "--once")
    said = running.rest()
    assert running.process.wait(EVENT_SECONDS) == 0, said
    finish(running)
    assert "leads became what they should" in said
    assert "✗" not in said


def test_files_are_applied_instead_of_the_examples_and_a_later_start_applies_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    market = tmp_path / "market.yaml"
    plain = "config: {strategy: priority_based}"
    text = MARKET.read_text(encoding="utf-8")
    assert plain in text
    market.write_text(text.replace(plain, "config: {strategy: priority_based, refusal: {action: review}}"), "utf-8")
    applied, status = end_of(start(state, "--once", str(market)))
    assert status == 0, applied
    assert "applied   market.yaml\n" in applied
    assert "'refusal' is now 'rejection'" in applied
    assert "The database has configuration version 1, 1 market and 0 leads." in applied

    later, status = end_of(start(state, "--once"))
    assert status == 0, later
    assert "examples  not applied: the database has configuration version 1, 1 market and 0 leads." in later
    assert "make run FILES=" in later
    assert "applied   " not in later.replace("not applied", "")
    assert later.endswith("The database has configuration version 1, 1 market and 0 leads.\n")


def test_nothing_is_applied_to_a_database_of_one_s_own_unless_files_are_named(
    tmp_path: Path, empty_database_url: str
) -> None:
    said, status = end_of(start(tmp_path / "state", "--once", DATABASE_URL=empty_database_url))
    assert status == 0, said
    assert "examples  not applied: DATABASE_URL names the database." in said
    assert 'make run FILES="examples/austin-plumbing.yaml examples/tampa-roofing.yaml"' in said
    assert said.endswith("The database has no configuration and no leads.\n")

    said, status = end_of(start(tmp_path / "state", "--once", str(MARKET), DATABASE_URL=empty_database_url))
    assert status == 0, said
    assert said.endswith("The database has configuration version 1, 1 market and 0 leads.\n")


def test_a_file_that_cannot_be_applied_fails_a_run_that_ends(tmp_path: Path) -> None:
    said, status = end_of(start(tmp_path / "state", "--once", str(tmp_path / "none.yaml")))
    assert status == 1, said
    assert "Nothing was applied:" in said
    assert "none.yaml" in said
