"""Handlers are loaded by path and called as Lambda calls them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from leadgen_local import handlers
from leadgen_local.template.reader import TemplateError
from tests.support.local import a_function

ECHO = """
import os

SEEN_WHILE_LOADING = os.environ["LEADGEN_TEST_VARIABLE"]


def handler(event, context):
    if event.get("exit"):
        raise SystemExit(3)
    return [event["n"], SEEN_WHILE_LOADING, context.function_name, context.function_version, context.memory_limit_in_mb,
            context.invoked_function_arn, context.log_group_name, context.get_remaining_time_in_millis() > 29_000,
            len(context.aws_request_id)]
"""


def a_stage(folder: Path, source: str = ECHO) -> Path:
    folder.mkdir()
    (folder / "handler.py").write_text(source)
    return folder


def test_a_handler_gets_the_event_and_a_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADGEN_TEST_VARIABLE", raising=False)
    function = replace(a_function(), code=a_stage(tmp_path / "echo"), environment={"LEADGEN_TEST_VARIABLE": "set"})
    handler = handlers.load(function)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:Stage"
    assert handler({"n": 1}) == [1, "set", "Stage", "$LATEST", 128, arn, "/aws/lambda/Stage", True, 36]
    monkeypatch.delenv("LEADGEN_TEST_VARIABLE")


def test_what_the_stack_sets_counts_more_than_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADGEN_TEST_VARIABLE", "operator's")
    function = replace(a_function(), code=a_stage(tmp_path / "echo"), environment={"LEADGEN_TEST_VARIABLE": "set"})
    handlers.load(function)
    assert os.environ["LEADGEN_TEST_VARIABLE"] == "operator's"


def test_a_handler_that_exits_fails_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADGEN_TEST_VARIABLE", "set")
    handler = handlers.load(replace(a_function(), code=a_stage(tmp_path / "echo")))
    with pytest.raises(handlers.HandlerExitedError):
        handler({"exit": True})


def test_a_missing_file_or_handler_names_the_function(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"Stage\.Handler: there is no file"):
        handlers.load(replace(a_function(), code=tmp_path / "nothing"))
    with pytest.raises(TemplateError, match=r"Stage\.Handler: .* has no handler"):
        handlers.load(replace(a_function(), code=a_stage(tmp_path / "empty", "")))
