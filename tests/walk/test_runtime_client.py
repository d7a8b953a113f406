"""Each function as Lambda runs it: in a process of AWS's own runtime client, fed from events/*.json."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from leadgen_local.template import reader
from tests.support.processes.runtime_api import Answered, Died, Failed, Outcome, Runtime

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS publishes its runtime client for Linux only")

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "core"
EVENTS = {
    "ingest": ("post_lead", "post_form", "get_health"),
    "api": ("get_lead",),
    "pay": ("get_pay", "post_stripe"),
    "validate": ("lead.received",),
    "route": ("lead.validated",),
    "deliver": ("lead.routed", "delivery.due"),
    "bill": ("lead.delivered",),
    "collect": ("refund.requested",),
    "document": ("invoice.generated",),
    "notify": ("lead.billed", "notice.due"),
    "invoice": ("invoice",),
    "audit": ("audit",),
    "sweep": ("sweep",),
    "retain": ("retain",),
    "migrate": ("migrate",),
}
HTTP = ("ingest", "api")
STAGES = ("validate", "route", "deliver", "bill", "collect", "document", "notify")
JOBS = ("invoice", "audit", "sweep", "retain")


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return loaded


def runtime_of(folder: str, database_url: str, tmp_path: Path) -> Runtime:
    """The function with the template's variables; what only AWS knows is set here, and there is no SNS topic."""
    functions = reader.load(ROOT / "template.yaml").functions.values()
    variables = next(function.environment for function in functions if function.code.name == folder)
    here = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": "only-for-this-test-" * 4,
        "ENVIRONMENT": "test",
        "MIGRATIONS_DIR": str(ROOT / "sql" / "migrations"),
    }
    return Runtime(ROOT / "functions" / folder, LAYER, {**variables, **here}, tmp_path / "log")


def answer_of(outcome: Outcome) -> Any:
    assert isinstance(outcome, Answered), outcome
    return outcome.value


@pytest.mark.parametrize("folder", HTTP)
def test_an_http_function_answers_a_proxy_event_with_json(folder: str, database_url: str, tmp_path: Path) -> None:
    with runtime_of(folder, database_url, tmp_path) as runtime:
        for name in EVENTS[folder]:
            answer = answer_of(runtime.invoke(event(name)))
            assert answer["statusCode"] < 500, (name, answer)
            assert isinstance(json.loads(answer["body"]), dict)


@pytest.mark.parametrize("folder", STAGES)
def test_a_stage_answers_a_batch_with_the_messages_that_failed(folder: str, database_url: str, tmp_path: Path) -> None:
    with runtime_of(folder, database_url, tmp_path) as runtime:
        for name in EVENTS[folder]:
            batch = event(name)
            failures = answer_of(runtime.invoke(batch))["batchItemFailures"]
            sent = {record["messageId"] for record in batch["Records"]}
            assert {failure["itemIdentifier"] for failure in failures} <= sent


@pytest.mark.parametrize("folder", JOBS)
def test_a_scheduled_function_runs_to_its_end(folder: str, database_url: str, tmp_path: Path) -> None:
    with runtime_of(folder, database_url, tmp_path) as runtime:
        for name in EVENTS[folder]:
            answer_of(runtime.invoke(event(name)))


def test_the_page_to_pay_on_is_html_and_who_is_not_the_provider_is_refused(database_url: str, tmp_path: Path) -> None:
    with runtime_of("pay", database_url, tmp_path) as runtime:
        page, told = (answer_of(runtime.invoke(event(name))) for name in EVENTS["pay"])
    assert (page["statusCode"], page["body"][:15]) == (200, "<!doctype html>")
    assert (told["statusCode"], json.loads(told["body"])["error"]["code"]) == (404, "not_found")  # no secret is set


def test_a_process_serves_one_invocation_after_another(database_url: str, tmp_path: Path) -> None:
    with runtime_of("ingest", database_url, tmp_path) as runtime:
        answers = [answer_of(runtime.invoke(event("get_health"))) for _ in range(3)]
    assert [answer["statusCode"] for answer in answers] == [200, 200, 200]


@pytest.mark.usefixtures("own_database_url")
def test_migrate_finds_a_migrated_database_up_to_date(database_url: str, tmp_path: Path) -> None:
    with runtime_of("migrate", database_url, tmp_path) as runtime:
        assert answer_of(runtime.invoke(event("migrate"))) == {"applied": []}


def test_a_handler_that_raises_is_reported_as_an_error(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("def handler(event, context):\n    raise LookupError(event['why'])\n")
    with Runtime(tmp_path, LAYER, {}, tmp_path / "log") as runtime:
        assert runtime.invoke({"why": "on purpose"}) == Failed("LookupError", "on purpose")


def test_a_module_that_cannot_be_imported_is_reported_and_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("raise RuntimeError('on purpose')\n")
    with Runtime(tmp_path, LAYER, {}, tmp_path / "log") as runtime:
        assert runtime.start() == Failed("RuntimeError", "on purpose")
        ended = runtime.start()
    assert isinstance(ended, Died)
    assert ended.status == 1


def test_every_function_and_every_sample_event_is_tried_here() -> None:
    functions = reader.load(ROOT / "template.yaml").functions.values()
    assert set(EVENTS) == {function.code.name for function in functions}
    assert {name for names in EVENTS.values() for name in names} == {path.stem for path in (ROOT / "events").iterdir()}
