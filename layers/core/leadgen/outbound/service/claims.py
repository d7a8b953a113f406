"""Calls that must be made once: claimed and committed, made while no transaction is open, and recorded.

A claim is a row's ``claimed_until``. While it lasts nobody else makes the call; it ends soon after the call must have
ended, so another worker takes up what one left that died. Which rows are due, claimed and settled is each table's SQL.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from leadgen.outbound.service.admission import Admitted
from leadgen.outbound.service.webhook import Call
from leadgen.outbound.store import Address
from leadgen.platform.log import logger

CLAIM_GRACE_SECONDS = 10
"""How much longer than the call itself a claim lasts: time to record what came of it."""

# Calls that end together are recorded together; those of slow receivers hold up nobody's record.
TOGETHER_SECONDS = 0.005

Item = TypeVar("Item")


def until(now: datetime, *, call_seconds: float) -> datetime:
    """When a claim that is made now ends, for a call that takes so long at the most."""
    return now + timedelta(seconds=call_seconds + CLAIM_GRACE_SECONDS)


@dataclass(frozen=True)
class Divided(Generic[Item]):
    """What may be called now, with the ids of the endpoints; and what is held back, with the time at which it comes
    back: None where its endpoint bears no call any more.
    """

    going: Sequence[tuple[Item, int]]
    held: Sequence[tuple[Item, datetime | None]]


def divide(waiting: Mapping[Address, Sequence[Item]], admitted: Mapping[Address, Admitted]) -> Divided[Item]:
    """The first of each endpoint's calls, as many as it takes, and the others."""
    going: list[tuple[Item, int]] = []
    held: list[tuple[Item, datetime | None]] = []
    for address, items in waiting.items():
        bears = admitted[address]
        going += [(item, bears.endpoint_id) for item in items[: bears.calls]]
        held += [(item, bears.come_back_at) for item in items[bears.calls :]]
    return Divided(going, held)


def carry_out(
    claimed: Sequence[Item],
    call: Callable[[Item], Call],
    record: Callable[[Sequence[tuple[Item, Call]]], None],
) -> None:
    """Make the calls that were claimed, all at once, and have them recorded as they end, also where ``record`` fails
    for some. No transaction may be open.
    """
    recorded(at_once(claimed, call), record)


def at_once(items: Sequence[Item], call: Callable[[Item], Call]) -> Iterator[list[tuple[Item, Call]]]:
    """Make all calls at once, a thread each; they come as they end, those that end together in one list.

    As many threads as items, for a claim counts from now: callers claim no more than they mean to call at once.
    """
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
