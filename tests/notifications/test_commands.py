"""`leadgen subscription`, `event` and `delivery replay`, the functions at work beside them."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import pytest
import standardwebhooks
from psycopg import Connection

from leadgen import cli
from leadgen.platform import settings
from tests.support.factories import a_buyer, a_subscription, an_enrollment
from tests.support.processes.background import IGNORING_INTERRUPTS
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body
from tests.support.stages.notices import a_taken_delivery, money, notify, some_lead

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; its status, and what it said on both."""
    environment.setenv("LEADGEN_ACTOR", "jo")

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main(arguments)
        said = capsys.readouterr()
        lines = [line for line in said.out.splitlines(keepends=True) if not line.startswith("{")]  # the functions' own
        return status, "".join(lines), said.err

    return command


@pytest.fixture
def at_work(functions: Functions, conn: Connection[Any]) -> Iterator[None]:
    """The functions work off their queues in another thread."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            functions.drain()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def audited(conn: Connection[Any]) -> list[tuple[str, str]]:
    rows = conn.execute("SELECT action, after_state->>'by' FROM audit_logs ORDER BY id")
    return rows.fetchall()


def test_a_subscription_is_made_shown_rotated_and_ended(
    conn: Connection[Any], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    buyer = a_buyer(conn, email="jane@example.com")
    status, out, err = run(
        "subscription",
        "create",
        "https://example.com/hook",
        "--events",
        "lead.*,invoice.generated",
        "--buyer",
        "Jane@example.com",
    )
    assert (status, err) == (0, "")
    assert f"Subscription 1: lead.*, invoice.generated about buyer {buyer}, posted to" in out
    (first,) = re.findall(r"whsec_\S+", out)
    standardwebhooks.Webhook(first)
    status, out, _ = run("subscription", "rotate-secret", "1")
    (second,) = re.findall(r"whsec_\S+", out)
    assert second != first
    stored = "SELECT secret, previous_secret, previous_secret_until > now() + INTERVAL '23 hours' FROM subscriptions"
    assert conn.execute(stored).fetchall() == [(second, first, True)]
    status, out, _ = run("subscription", "list")
    assert "jane@example.com" in out
    assert "whsec_" not in out
    capsys.readouterr()
    assert cli.main(["subscription", "list", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["url"], shown["waiting"], shown["breaker"]) == ("https://example.com/hook", 0, None)
    assert "secret" not in "".join(shown)
    assert run("subscription", "delete", "1")[0] == 0
    assert "There are no subscriptions" in run("subscription", "list")[1]
    assert "unsubscribed" in run("subscription", "list", "--all")[1]
    assert run("subscription", "delete", "1") == (1, "", "subscription 1 has ended already\n")
    assert run("subscription", "rotate-secret", "9") == (1, "", "there is no subscription 9\n")
    assert audited(conn) == [("subscription.create", "jo"), ("subscription.rotate", "jo"), ("subscription.end", "jo")]
    rows = conn.execute("SELECT after_state::text, before_state::text FROM audit_logs").fetchall()
    assert first not in str(rows)


def test_a_secret_that_is_brought_along_is_not_repeated(conn: Connection[Any], run: Run) -> None:
    secret = "whsec_" + "QUFB" * 10
    status, out, _ = run("subscription", "create", "https://example.com/", "--events", "*", "--secret", secret)
    assert status == 0
    assert secret not in out
    assert conn.execute("SELECT secret FROM subscriptions").fetchall() == [(secret,)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--events", "lead.sold"], "no event: 'lead.sold'"),
        (["--events", "*", "--buyer", "nobody@example.com"], "there is no buyer 'nobody@example.com'"),
        (["--events", "*", "--secret", "v1,abc"], "begins with v1"),
    ],
)
def test_what_cannot_be_subscribed_to_is_told_and_nothing_kept(
    conn: Connection[Any], run: Run, arguments: list[str], why: str
) -> None:
    status, out, err = run("subscription", "create", "https://example.com/", *arguments)
    assert (status, out) == (1, "")
    assert why in err
    assert conn.execute("SELECT count(*) FROM subscriptions").fetchone() == (0,)


def test_an_endpoint_that_was_gone_is_called_again_by_a_new_subscription(
    conn: Connection[Any], functions: Functions, run: Run, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    conn.execute("UPDATE endpoints SET state = 'gone'")
    assert notify(functions, body("lead.received", some_lead(conn))) == ["noted", "notice_given_up"]
    conn.execute("UPDATE subscriptions SET ended_at = now(), end_reason = 'unsubscribed'")
    run("subscription", "create", buyer_endpoint.url(), "--events", "*")
    assert notify(functions, body("lead.received", some_lead(conn))) == ["noted", "notice_succeeded"]


@pytest.mark.usefixtures("at_work")
def test_a_triggered_event_goes_the_real_way_and_its_fate_is_told(
    conn: Connection[Any], run: Run, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer = a_buyer(conn)
    one = a_subscription(conn, buyer_endpoint.url("/one"), "invoice.generated", buyer_id=buyer)
    a_subscription(conn, buyer_endpoint.url("/two"), "lead.*")
    assert run("event", "trigger", "invoice.generated") == (0, f"{buyer_endpoint.url('/one')}: succeeded\n", "")
    (received,) = buyer_endpoint.received
    said = json.loads(received.body)
    assert (said["event"], said["trial"], said["data"]) == (
        "invoice.generated",
        True,
        {"invoice_id": 1, "buyer_id": buyer},
    )
    buyer_endpoint.statuses = [500]
    assert run("event", "trigger", "lead.received")[:2] == (1, f"{buyer_endpoint.url('/two')}: given up: status 500\n")
    assert run("event", "trigger", "payment.received") == (
        1,
        "",
        "no subscription includes payment.received: see `leadgen subscription list`\n",
    )
    assert "does not include lead.received" in run("event", "trigger", "lead.received", "--subscription", str(one))[2]
    assert "no subscription 99" in run("event", "trigger", "lead.received", "--subscription", "99")[2]
    assert conn.execute("SELECT count(*) FROM lifecycle_events").fetchone() == (0,)


@pytest.mark.usefixtures("at_work")
def test_a_replay_is_told_its_outcome(
    conn: Connection[Any], run: Run, buyer_endpoint: BuyerEndpoint, source: int, offer: int
) -> None:
    buyer = a_buyer(conn, webhook_url=buyer_endpoint.url())
    an_enrollment(conn, buyer, offer)
    delivery = a_taken_delivery(conn, buyer, source)
    before = money(conn)
    assert run("delivery", "replay", delivery) == (0, f"Delivery {delivery}: succeeded\n", "")
    buyer_endpoint.statuses = [503]
    status, out, _ = run("delivery", "replay", delivery)
    assert status == 1
    assert out.startswith(f"Delivery {delivery}: failed: status 503, again at ")
    assert run("delivery", "replay", str(uuid.uuid4()))[0] == 1
    assert money(conn) == before


@pytest.mark.usefixtures("at_work")
def test_a_recovery_is_shown_until_it_is_over_and_taken_up_again_by_its_number(
    conn: Connection[Any], run: Run, buyer_endpoint: BuyerEndpoint, source: int, offer: int
) -> None:
    buyer = a_buyer(conn, webhook_url=buyer_endpoint.url(), email="buyer@example.com")
    an_enrollment(conn, buyer, offer)
    for _ in range(3):
        a_taken_delivery(conn, buyer, source, settled_at="2026-06-17T12:00:00Z")
    range_ = ("--since", "2026-06-17", "--until", "2026-06-18")
    status, out, _ = run("delivery", "replay", "--buyer", "buyer@example.com", *range_, "--rate", "50")
    assert status == 0
    assert out == (
        "Replay 1: 3 deliveries from 2026-06-17 00:00 to 2026-06-18 00:00 UTC, 50 a second.\n3 succeeded, 0 given up.\n"
    )
    assert run("delivery", "replay", "--resume", "1") == (0, "3 succeeded, 0 given up.\n", "")
    assert run("delivery", "replay", "--stop", "1") == (0, "Replay 1 was over: nothing was left to send.\n", "")
    assert len(buyer_endpoint.received) == 3
    for arguments, why in (
        (("delivery", "replay"), "name a DELIVERY, or --buyer and --since"),
        (("delivery", "replay", "--buyer", "buyer@example.com", *range_, "--rate", "51"), "1 to 50"),
        (("delivery", "replay", "--buyer", "nobody@example.com", *range_), "there is no buyer"),
        (
            ("delivery", "replay", "--buyer", "buyer@example.com", "--since", "2026-06-18", "--until", "2026-06-17"),
            "is not before",
        ),
        (("delivery", "replay", "--resume", "9"), "there is no replay batch 9"),
    ):
        status, _, err = run(*arguments)
        assert status == 1
        assert why in err


@contextmanager
def listener(port: int, *arguments: str, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """`leadgen event listen` as a process, which does not outlive a test that fails."""
    command = [*before, sys.executable, "-m", "leadgen.cli", "event", "listen", "--port", str(port), *arguments]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(output: IO[str] | None) -> str:
    assert output is not None
    return output.readline()


@pytest.mark.usefixtures("at_work")
def test_a_listener_shows_what_comes_verified_and_leaves_no_subscription(
    conn: Connection[Any], environment: pytest.MonkeyPatch, functions: Functions, free_port: int
) -> None:
    environment.setenv("EGRESS_ALLOWED_ORIGINS", settings.receiver_origin(free_port))
    settings.current.cache_clear()
    with listener(free_port, "--events", "lead.*", "--fail", "1", "--status", "500") as listening:
        assert line(listening.stdout).startswith(f"Listening at http://127.0.0.1:{free_port}/ for lead.*.")
        lead = some_lead(conn)
        notify(
            functions, body("invoice.generated", None, invoice_id=1, buyer_id=1), body("lead.billed", lead, buyer_id=2)
        )
        first = line(listening.stdout)
        assert f"lead.billed  lead_id={lead} buyer_id=2  attempt 1  verified  answered 500" in first
        conn.execute("UPDATE notices SET next_attempt_at = now() WHERE status = 'pending'")
        functions.module("sweep").run(conn.execute("SELECT now() + INTERVAL '6 seconds'").fetchall()[0][0])
        assert "attempt 2  verified  answered 204" in line(listening.stdout)
        conn.execute("UPDATE subscriptions SET secret = 'whsec_' || repeat('QUFB', 10)")
        notify(functions, body("lead.received", lead))
        assert "NOT VERIFIED: its signature is not ours  answered 401" in line(listening.stdout)
        listening.send_signal(signal.SIGINT)
        assert listening.wait(20) == cli.STOPPED
        assert line(listening.stderr) == "\n"
    assert conn.execute("SELECT end_reason FROM subscriptions").fetchall() == [("listens no more",)]


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_listener_that_a_shell_started_in_the_background_ends_when_it_is_told(
    conn: Connection[Any], environment: pytest.MonkeyPatch, free_port: int, number: signal.Signals
) -> None:
    environment.setenv("EGRESS_ALLOWED_ORIGINS", settings.receiver_origin(free_port))
    settings.current.cache_clear()
    with listener(free_port, before=IGNORING_INTERRUPTS) as listening:
        assert line(listening.stdout).startswith("Listening at")
        listening.send_signal(number)
        assert listening.wait(20) == cli.STOPPED
    assert conn.execute("SELECT end_reason FROM subscriptions").fetchall() == [("listens no more",)]


@pytest.mark.usefixtures("at_work")
def test_a_listener_that_may_not_be_called_says_what_to_set(conn: Connection[Any], free_port: int) -> None:
    with listener(free_port) as listening:
        assert listening.wait(30) == cli.FAILED
        told = line(listening.stderr)
        assert f"EGRESS_ALLOWED_ORIGINS must list http://127.0.0.1:{free_port}" in told
        assert line(listening.stdout) == ""
    assert conn.execute("SELECT end_reason FROM subscriptions").fetchall() == [("listens no more",)]


def test_a_port_that_is_taken_is_told_and_who_listens_there_goes_on_hearing(
    conn: Connection[Any], run: Run, closed_port: int
) -> None:
    a_subscription(conn, settings.receiver_origin(closed_port) + "/")
    status, _, err = run("event", "listen", "--port", str(closed_port))
    assert status == 1
    assert f"port {closed_port} cannot be opened" in err
    assert conn.execute("SELECT ended_at FROM subscriptions").fetchall() == [(None,)]
