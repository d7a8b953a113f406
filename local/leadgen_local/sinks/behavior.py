"""The configured behavior of the sinks for one path: answer at once, late, with an error, or never."""

import asyncio
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request


class Behavior(BaseModel):
    """How posts to one path are answered, by `mode`: `ok` at once, `slow` after `seconds`, `error` with `status`, and
    `hang` never.

    `body` is what the fake buyer answers with, whatever the status: JSON, or a text as it stands; `retry_after` is its
    header of that name: seconds, or a date.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    path: str = Field(pattern="^/")
    mode: Literal["ok", "slow", "error", "hang"]
    seconds: float = Field(default=2.0, ge=0, le=3600)
    status: int = Field(default=500, ge=200, le=599)
    body: dict[str, Any] | str | None = None
    retry_after: str | None = Field(default=None, pattern=r"^[ -~]{1,40}$")


async def failure(behavior: Behavior | None, request: Request) -> int | None:
    """The status of an `error`, otherwise None. A `slow` one waits first, a `hang` until the caller is gone."""
    match behavior:
        case Behavior(mode="slow", seconds=seconds):
            await asyncio.sleep(seconds)
        case Behavior(mode="error", status=status):
            return status
        case Behavior(mode="hang"):
            await request.receive()  # nothing more comes but the end of the connection
    return None
