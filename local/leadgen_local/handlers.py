"""Loads the functions' handler modules from the template's folders, and calls them as Lambda would."""

import importlib.util
import os
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from leadgen_local.template.intrinsics import ACCOUNT, REGION
from leadgen_local.template.reader import Function, TemplateError


class HandlerExitedError(Exception):
    """A handler called sys.exit; on Lambda that fails the invocation, here it must not end a thread unseen."""


@dataclass(frozen=True)
class Context:
    """The second argument of a handler, with the attributes of Lambda's own."""

    function_name: str
    memory_limit_in_mb: int
    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    log_stream_name: str = "embedded"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout. Nothing is stopped then: a thread cannot be killed."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Handler:
    """A function's loaded handler; calling it with an event invokes it with a context of its own."""

    function: Function
    module: ModuleType
    attribute: str

    def __call__(self, event: Mapping[str, Any]) -> object:
        deadline = time.monotonic() + self.function.timeout_seconds
        context = Context(self.function.name, self.function.memory_mb, deadline)
        try:
            answer: object = getattr(self.module, self.attribute)(event, context)
        except SystemExit as error:
            raise HandlerExitedError(f"{self.function.name} ended its process with {error.code!r}.") from error
        return answer


def load(function: Function) -> Handler:
    """Import the module of a function.

    The function's variables in the template are set first, where the environment has none of that name: what the
    stack was started with counts more. Raises TemplateError when there is no such module or handler.
    """
    module_name, _, attribute = function.handler.rpartition(".")
    path = function.code / f"{module_name.replace('.', '/')}.py"
    unique_name = f"leadgen_function_{function.code.name}"
    spec = importlib.util.spec_from_file_location(unique_name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise TemplateError(f"{function.name}.Handler: there is no file {path}.")
    for name, value in function.environment.items():
        os.environ.setdefault(name, value)
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique_name] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, attribute, None)):
        raise TemplateError(f"{function.name}.Handler: {path} has no {attribute}.")
    return Handler(function, module, attribute)


def load_all(functions: Iterable[Function]) -> dict[str, Handler]:
    """The handlers of several functions, by function name."""
    return {function.name: load(function) for function in functions}
