"""Makes one signed call to a webhook and returns its outcome. Call it outside any transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from leadgen.outbound.domain import outcomes, signing
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForNow, Unknown
from leadgen.outbound.domain.response_mapping import AnswerMapping
from leadgen.outbound.domain.signing import Sending
from leadgen.platform import clock, settings
from leadgen.platform.egress import http_client
from leadgen.platform.log import logger


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
