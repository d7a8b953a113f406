"""Reads a posted body: checks its size, type and encoding before it parses JSON or a form."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import NoReturn
from urllib.parse import parse_qsl

from fastapi import Request

from leadgen.kernel.errors import Refusal

LARGEST_BODY = 64 * 1024
_MOST_FORM_FIELDS = 200
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


async def fields(request: Request, *, allow_form: bool, exact: bool = False) -> tuple[Mapping[str, object], bool]:
    """The fields of a JSON or form body, and whether it was a form. A form's repeated field is a list. With ``exact``,
    as where money is read, a number with a fraction is the Decimal that was written, and so is NaN: the field refuses
    it.

    Raises Refusal 413 over 64 KiB, 415 on another content type, 400 on a body that does not parse.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    accepted = (_JSON, _FORM) if allow_form else (_JSON,)
    if content_type not in accepted or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(
            415,
            "unsupported_media_type",
            f"send {' or '.join(accepted)}, not compressed",
            {"accepted": list(accepted)},
        )
    try:
        text = (await raw(request)).decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid("the body is not UTF-8") from None
    if content_type == _FORM:
        return _form(text), True
    return _json(text, exact=exact), False


async def raw(request: Request) -> bytes:
    """The body as it came. Raises Refusal 413 over 64 KiB."""
    came = bytearray()
    async for part in request.stream():
        came += part
        if len(came) > LARGEST_BODY:
            raise Refusal(
                413, "body_too_large", f"the body is larger than {LARGEST_BODY // 1024} KiB", {"limit": LARGEST_BODY}
            )
    return bytes(came)


def _json(text: str, *, exact: bool) -> Mapping[str, object]:
    number: Callable[[str], object] = _decimal if exact else float
    constant: Callable[[str], object] = Decimal if exact else _refuse_constant
    try:
        body = json.loads(text, object_pairs_hook=_unique, parse_float=number, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, _DuplicateField):
            raise _invalid(f"the field {error.args[0]!r} stands twice in one object") from None
        raise _invalid("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise _invalid("the body must be a JSON object")
    return body


def _form(text: str) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FORM_FIELDS)
    except ValueError:
        raise _invalid("the form does not parse as UTF-8 fields") from None
    form: dict[str, object] = {}
    for name, value in pairs:
        earlier = form.get(name)
        # A group of check boxes sends its name once for each: kept as a list.
        form[name] = value if earlier is None else [*(earlier if isinstance(earlier, list) else [earlier]), value]
    return form


class _DuplicateField(ValueError):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateField(key)
        found[key] = value
    return found


def _decimal(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:  # an exponent beyond all that can be counted
        return Decimal("NaN")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_request", message)
