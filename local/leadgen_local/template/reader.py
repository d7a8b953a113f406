"""Reads `template.yaml` into typed values: functions, routes, queues, subscriptions and schedules.

The embedded stack knows no stage by name: everything it runs is read here. What it could not run as AWS would is
refused, with the resource and the property named, rather than left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadgen_local.template import intrinsics
from leadgen_local.template.intrinsics import NoLocalValueError, Resolver, TemplateError
from leadgen_local.template.properties import Properties

__all__ = [
    "MAIN_WORKER",
    "Function",
    "Queue",
    "QueueMapping",
    "Route",
    "Schedule",
    "Subscription",
    "Template",
    "TemplateError",
    "load",
]

EVERY_TOPIC = "#"

MAIN_WORKER = "worker"
"""The worker process of every function whose ``Metadata.EmbeddedWorker`` names no other."""

_LAMBDA_TIMEOUT_SECONDS = 3
_LAMBDA_MEMORY_MB = 128
_SQS_VISIBILITY_SECONDS = 30
_SQS_BATCH_SIZE = 10
_DEFAULT_CONCURRENCY = 2
_WORKER_NAME = re.compile(r"[a-z]+(-[a-z]+)*")  # it becomes part of a file's name


@dataclass(frozen=True)
class Function:
    """A Lambda function. `environment` has only the variables whose value does not depend on AWS.

    `worker` is the process of the embedded stack that calls it for queues and schedules.
    """

    name: str
    code: Path
    handler: str
    timeout_seconds: int
    memory_mb: int
    environment: Mapping[str, str]
    worker: str = MAIN_WORKER


@dataclass(frozen=True)
class Route:
    """One method (or ANY) on one path of the API."""

    method: str
    path: str
    function: str


@dataclass(frozen=True)
class Queue:
    """A queue by its local name: the SQS name without the stack's, with underscores."""

    name: str
    arn: str
    visibility_seconds: int
    dead_letter_queue: str | None
    max_receive_count: int | None


@dataclass(frozen=True)
class QueueMapping:
    """How messages of a queue are handed to a function."""

    queue: Queue
    function: str
    batch_size: int
    batching_window_seconds: int
    max_concurrency: int
    reports_item_failures: bool


@dataclass(frozen=True)
class Subscription:
    """Which events of the topic a queue gets: those named, or every one when `events` is None."""

    queue: str
    events: tuple[str, ...] | None

    @property
    def patterns(self) -> tuple[str, ...]:
        """The same as topic patterns of the local queues."""
        return (EVERY_TOPIC,) if self.events is None else self.events

    def takes(self, event: str) -> bool:
        return self.events is None or event in self.events


@dataclass(frozen=True)
class Schedule:
    """When a function is called by the clock, and with which JSON text."""

    name: str
    function: str
    expression: str
    input: str


@dataclass(frozen=True)
class Template:
    """Everything of the template that the embedded stack runs."""

    functions: Mapping[str, Function]
    routes: tuple[Route, ...]
    queues: Mapping[str, Queue]
    mappings: tuple[QueueMapping, ...]
    subscriptions: tuple[Subscription, ...]
    schedules: tuple[Schedule, ...]

    def workers(self) -> tuple[str, ...]:
        """The worker processes by name, the main one first."""
        called = {part.function for part in self.mappings} | {part.function for part in self.schedules}
        named = {self.functions[function].worker for function in called}
        return (MAIN_WORKER, *sorted(named - {MAIN_WORKER}))

    def part_of(self, worker: str) -> "Template":
        """The template with only those queue mappings and schedules whose function this worker calls."""
        return replace(
            self,
            mappings=tuple(part for part in self.mappings if self.functions[part.function].worker == worker),
            schedules=tuple(part for part in self.schedules if self.functions[part.function].worker == worker),
        )


def load(path: Path) -> Template:
    """Read a template; raises TemplateError for what is wrong in it or cannot be run here."""
    return _Reader(intrinsics.read(path), path.absolute().parent).template()


class _Reader:
    """Walks one document once."""

    def __init__(self, document: Mapping[str, Any], root: Path) -> None:
        self._root = root
        self._resolver = Resolver(document)
        self._resources: Mapping[str, Any] = document["Resources"]
        self._globals = self._properties(document.get("Globals", {}).get("Function", {}), "Globals.Function")
        self._queues = {queue.arn: queue for queue in self._read_queues()}
        self._functions: dict[str, Function] = {}
        self._routes: list[Route] = []
        self._mappings: list[QueueMapping] = []
        self._schedules: list[Schedule] = []

    def template(self) -> Template:
        for name, properties in self._of_type("AWS::Serverless::Function"):
            self._functions[name] = self._function(name, properties, self._worker(name))
            for event, definition in properties.section("Events").sections():
                self._event(name, event, definition)
        return Template(
            functions=self._functions,
            routes=tuple(self._routes),
            queues={queue.name: queue for queue in self._queues.values()},
            mappings=tuple(self._mappings),
            subscriptions=tuple(self._subscription(part) for _, part in self._of_type("AWS::SNS::Subscription")),
            schedules=tuple(self._schedules),
        )

    def _properties(self, values: Mapping[str, Any], where: str) -> Properties:
        return Properties(self._resolver, values, where)

    def _of_type(self, kind: str) -> Iterator[tuple[str, Properties]]:
        for name, resource in self._resources.items():
            condition = resource.get("Condition")
            if resource.get("Type") == kind and (condition is None or self._resolver.holds(condition, name)):
                yield name, self._properties(resource.get("Properties", {}), name)

    def _read_queues(self) -> list[Queue]:
        queues = [self._queue(properties) for _, properties in self._of_type("AWS::SQS::Queue")]
        names = {queue.name for queue in queues}
        for queue in queues:
            if queue.dead_letter_queue is not None and queue.dead_letter_queue not in names:
                raise TemplateError(f"{queue.name}: its dead letter queue {queue.dead_letter_queue} is not there.")
        return queues

    def _queue(self, properties: Properties) -> Queue:
        queue_name = properties.text("QueueName")
        properties.expect("FifoQueue", False)
        properties.expect("DelaySeconds", 0)
        redrive = properties.section("RedrivePolicy")
        return Queue(
            name=_local_name(queue_name),
            arn=f"arn:aws:sqs:{intrinsics.REGION}:{intrinsics.ACCOUNT}:{queue_name}",
            visibility_seconds=properties.integer("VisibilityTimeout", _SQS_VISIBILITY_SECONDS),
            dead_letter_queue=_local_name_of_arn(redrive.text("deadLetterTargetArn")) if redrive else None,
            max_receive_count=redrive.integer("maxReceiveCount") if redrive else None,
        )

    def _worker(self, function: str) -> str:
        metadata = self._properties(self._resources[function].get("Metadata", {}), f"{function}.Metadata")
        named = metadata.text("EmbeddedWorker") if "EmbeddedWorker" in metadata else ""
        if named and not _WORKER_NAME.fullmatch(named):
            raise TemplateError(
                f"{metadata.where}.EmbeddedWorker must be of lower-case letters and hyphens, not {named!r}."
            )
        return f"{MAIN_WORKER}-{named}" if named else MAIN_WORKER

    def _function(self, name: str, properties: Properties, worker: str) -> Function:
        def inherited(key: str) -> Properties:
            return properties if key in properties or key not in self._globals else self._globals

        variables = [part.section("Environment").section("Variables") for part in (self._globals, properties)]
        return Function(
            name=name,
            code=self._root / properties.text("CodeUri"),
            handler=inherited("Handler").text("Handler"),
            timeout_seconds=inherited("Timeout").integer("Timeout", _LAMBDA_TIMEOUT_SECONDS),
            memory_mb=inherited("MemorySize").integer("MemorySize", _LAMBDA_MEMORY_MB),
            environment={key: value for part in variables for key, value in _known_here(part)},
            worker=worker,
        )

    def _event(self, function: str, event: str, definition: Properties) -> None:
        kind, properties = definition.text("Type"), definition.section("Properties")
        match kind:
            case "Api":
                self._routes.append(Route(properties.text("Method").upper(), properties.text("Path"), function))
            case "SQS":
                self._mappings.append(self._mapping(function, properties))
            case "ScheduleV2":
                properties.expect("State", "ENABLED")
                properties.expect("ScheduleExpressionTimezone", "UTC")
                expression, text = properties.text("ScheduleExpression"), properties.text("Input", "{}")
                self._schedules.append(Schedule(event, function, expression, text))
            case _:
                raise TemplateError(f"{definition.where}.Type: {kind} is not supported by the embedded stack.")

    def _mapping(self, function: str, properties: Properties) -> QueueMapping:
        properties.expect("Enabled", True)
        properties.refuse("FilterCriteria")
        return QueueMapping(
            queue=self._queue_of(properties, "Queue"),
            function=function,
            batch_size=properties.integer("BatchSize", _SQS_BATCH_SIZE),
            batching_window_seconds=properties.integer("MaximumBatchingWindowInSeconds", 0),
            max_concurrency=properties.section("ScalingConfig").integer("MaximumConcurrency", _DEFAULT_CONCURRENCY),
            reports_item_failures="ReportBatchItemFailures" in properties.value("FunctionResponseTypes", []),
        )

    def _subscription(self, properties: Properties) -> Subscription:
        properties.expect("Protocol", "sqs")
        properties.expect("RawMessageDelivery", True, default=False)
        queue = self._queue_of(properties, "Endpoint").name
        if "FilterPolicy" not in properties:
            return Subscription(queue, None)
        properties.expect("FilterPolicyScope", "MessageBody", default="MessageAttributes")
        policy = properties.value("FilterPolicy")
        match policy:
            case {"event": [*events], **others} if not others and all(isinstance(event, str) for event in events):
                return Subscription(queue, tuple(str(event) for event in events))
        raise TemplateError(
            f"{properties.where}.FilterPolicy: the embedded stack supports only a list of texts for `event`, "
            f"not {policy!r}."
        )

    def _queue_of(self, properties: Properties, name: str) -> Queue:
        arn = properties.text(name)
        if arn not in self._queues:
            raise TemplateError(f"{properties.where}.{name}: no queue of the template is called {arn}.")
        return self._queues[arn]


def _known_here(variables: Properties) -> Iterator[tuple[str, str]]:
    for name in variables.names():
        try:
            value = variables.value(name)
        except NoLocalValueError:
            continue
        yield name, "" if value is None else str(value)


def _local_name(queue_name: str) -> str:
    return queue_name.removeprefix(f"{intrinsics.STACK_NAME}-").replace("-", "_")


def _local_name_of_arn(arn: str) -> str:
    return _local_name(arn.rpartition(":")[2])
