"""Makes one signed call to a webhook and returns its outcome. Call it outside any transaction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from leadgen.outbound.domain import outcomes, signing
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForNow, Unknown
from leadgen.outbound.domain.response_mapping import AnswerMapping
from leadgen.outbound.domain.signing import Sending
from leadgen.platform import clock, settings
from leadgen.platform.egress import http_client
from leadgen.platform.log import logger

# Calls that end together are recorded together; those of slow receivers hold up nobody's record.
TOGETHER_SECONDS = 0.005

Item = TypeVar("Item")


@dataclass(frozen=True)
class Call:
    """One call that was made, and what it came to."""

    outcome: CallOutcome
    started_at: datetime
    milliseconds: int
    status: int | None = None


def post(url: str, sending: Sending, secrets: Sequence[str], mapping: AnswerMapping | None = None) -> Call:
    """Call a webhook, signed at this moment. Whatever goes wrong is the outcome."""

    def call() -> tuple[CallOutcome, int | None]:
        configured = settings.current()
        answer = http_client.post(
            url,
            sending.body,
            signing.headers(sending, secrets, at=int(clock.now().timestamp())),
            timeout_seconds=configured.webhook_timeout_seconds,
            allowed_origins=configured.egress_allowed_origins,
            allowed_ports=configured.egress_ports,
        )
        outcome = outcomes.of_answer(
            mapping,
            status=answer.status,
            content_type=answer.headers.get("content-type"),
            body=answer.body,
            complete=answer.complete,
            retry_after=outcomes.seconds_to_wait(answer.headers.get("retry-after"), now=clock.now()),
        )
        return outcome, answer.status

    return timed(call)


def timed(call: Callable[[], tuple[CallOutcome, int | None]]) -> Call:
    """Make a call that returns its outcome and status; with these, how long it took."""
    started_at, began = clock.now(), clock.seconds()
    status: int | None = None
    try:
        outcome, status = call()
    except http_client.NotSent as failure:
        outcome = FailedForNow(str(failure))
    except http_client.NoAnswer as failure:
        outcome = Unknown(str(failure))
    except Exception as bug:  # counted as an attempt, or it would be made again for ever
        logger.exception("call.failed", extra={"cause": type(bug).__name__})
        outcome = Unknown(type(bug).__name__)
    return Call(outcome, started_at, round((clock.seconds() - began) * 1000), status)


def at_once(items: Sequence[Item], call: Callable[[Item], Call]) -> Iterator[list[tuple[Item, Call]]]:
    """Make all calls at once, a thread each; they come as they end, those that end together in one list."""
    if not items:
        return
    with ThreadPoolExecutor(max_workers=len(items), thread_name_prefix="call") as pool:
        under_way: dict[Future[Call], Item] = {pool.submit(call, item): item for item in items}
        while under_way:
            wait(under_way, return_when=FIRST_COMPLETED)
            ended, _ = wait(under_way, timeout=TOGETHER_SECONDS)
            yield [(under_way.pop(future), future.result()) for future in list(under_way) if future in ended]


def recorded(groups: Iterable[Sequence[Item]], record: Callable[[Sequence[Item]], None]) -> None:
    """Have every group recorded, one that cannot be as a whole once more, item by item; the first fault that is left is
    raised when all are through. What one call came to is not forgotten over another's.
    """
    faults: list[Exception] = []
    for group in groups:
        try:
            record(group)
        except Exception as error:
            logger.exception("record.failed", extra={"calls": len(group), "cause": type(error).__name__})
            faults += [fault for item in group if (fault := _fault(item, record)) is not None]
    if faults:
        raise faults[0]


def _fault(item: Item, record: Callable[[Sequence[Item]], None]) -> Exception | None:
    try:
        record([item])
    except Exception as fault:  # noqa: BLE001 - raised when all are through
        return fault
    return None
