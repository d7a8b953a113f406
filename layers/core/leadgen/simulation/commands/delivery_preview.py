"""Trying how a buyer is sent its leads, and how its answer is read, before anything is sent."""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, assert_never
from urllib.parse import parse_qsl

import simplejson

from leadgen.delivery.domain.formats.payload import Rendered
from leadgen.kernel.errors import PolicyInvalid
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown
from leadgen.platform import clock
from leadgen.simulation.service import delivery_preview
from leadgen.simulation.service.delivery_preview import SIGNATURES, NothingToPreview, Preview, Wanted
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, connection, environment, number

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_ANSWER = re.compile(r"([1-5][0-9]{2})(?:\s(.*))?", re.DOTALL)
_TAG = re.compile(r"(?<=>)(?=<)")


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "preview-delivery",
        help="show what a buyer would be sent, and what its answer would count as",
        description="Write a lead in a buyer's format and print the headers and the body, laid out for reading. "
        "Nothing is sent and nothing is changed. The enrollment is the one that is configured, or with --file one that "
        "is not applied yet; the lead is made up, or with --lead one that was posted.",
        epilog=f"{DATABASE} With --file and without --lead none is needed.",
    )
    parser.add_argument("--buyer", required=True, metavar="EMAIL", help="the buyer, by its e-mail address")
    parser.add_argument("--offer", metavar="NAME", help="the offer, where the buyer is enrolled in more than one")
    parser.add_argument("--market", metavar="NAME", help="the market, where several have an offer of this name")
    parser.add_argument("--file", type=Path, metavar="FILE", help="the enrollment as this configuration file says it")
    parser.add_argument("--lead", type=number, metavar="LEAD_ID", help="a stored lead instead of a made-up one")
    parser.add_argument("--raw", action="store_true", help="print the body alone, byte for byte")
    parser.add_argument(
        "--answer",
        type=_answer,
        metavar="'STATUS BODY'",
        help='an answer of the buyer\'s, such as \'200 {"result": "duplicate"}\': say what it would count as',
    )
    parser.set_defaults(run=_preview)


def _answer(written: str) -> tuple[int, bytes]:
    parts = _ANSWER.fullmatch(written.strip())
    if parts is None:
        raise argparse.ArgumentTypeError(f"{written!r} does not begin with a status such as 200")
    return int(parts[1]), (parts[2] or "").encode()


def _preview(options: argparse.Namespace) -> int:
    try:
        preview = _made(options)
    except (NothingToPreview, PolicyInvalid) as failure:
        raise CommandFailed(str(failure)) from None
    if options.raw:
        sys.stdout.buffer.write(preview.rendered.body)
        return DONE
    for line in lines(preview):
        # What somebody posted must not command the terminal.
        print("".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in line))
    if options.answer is not None:
        print()
        print(f"The answer {options.answer[0]} counts as {describe(preview.outcome(*options.answer))}")
    return DONE


def _made(options: argparse.Namespace) -> Preview:
    wanted, now = Wanted(options.buyer, options.offer, options.market), clock.now()
    if options.file is not None and options.lead is None:
        enrolled = delivery_preview.in_file(options.file, _variables(), wanted)
        return delivery_preview.preview(enrolled, delivery_preview.made_up_facts(enrolled, now))
    environ = environment()
    with connection(environ) as conn:
        if options.file is None:
            enrolled = delivery_preview.stored(conn, wanted)
        else:
            enrolled = delivery_preview.in_file(options.file, environ, wanted)
        if options.lead is None:
            facts = delivery_preview.made_up_facts(enrolled, now)
        else:
            facts = delivery_preview.lead_facts(conn, options.lead, enrolled, now)
        return delivery_preview.preview(enrolled, facts)


def _variables() -> Mapping[str, str]:
    """What a file may name: those of the embedded stack too, where one runs."""
    try:
        return environment()
    except CommandFailed:
        return os.environ


def lines(preview: Preview) -> Iterator[str]:
    """The preview as a person reads it."""
    enrolled = preview.enrolled
    yield f"{enrolled.buyer} in {enrolled.offer}, {enrolled.market}"
    if preview.terms.schedule is not None:
        steps = ", ".join(f"{seconds:,} s" for seconds in preview.terms.schedule)
        yield f"Attempts: at once, and after each that fails: {steps}"
    yield ""
    yield (
        f"POST {enrolled.url}" if enrolled.url else "No webhook: its leads go by e-mail. Were there one, it would get:"
    )
    for name, value in preview.headers.items():
        yield f"{name}: {'(made with the secret when it is sent)' if name in SIGNATURES else value}"
    yield ""
    yield from laid_out(preview.rendered)


def laid_out(rendered: Rendered) -> Iterator[str]:
    """A body in lines: JSON and XML indented, a form by its fields."""
    text = rendered.body.decode()
    if rendered.content_type == "application/json":
        # Numbers as they are written: a price keeps its cents.
        yield from simplejson.dumps(
            simplejson.loads(text, use_decimal=True), use_decimal=True, ensure_ascii=False, indent=2
        ).splitlines()
    elif rendered.content_type == "application/x-www-form-urlencoded":
        for name, value in parse_qsl(text, keep_blank_values=True):
            yield f"{name} = {value}"
    else:
        yield from _indented(text)


def _indented(text: str) -> Iterator[str]:
    depth = 0
    for part in _TAG.split(text.replace("\n<", "<").strip()):
        depth -= part.startswith("</")
        yield from f"{'  ' * depth}{part}".splitlines()
        opens = part.startswith("<") and not part.startswith(("</", "<?"))
        depth += opens and "</" not in part and not part.endswith("/>")


def describe(outcome: CallOutcome) -> str:
    """What an answer comes to, in a sentence's end."""
    match outcome:
        case Succeeded(reference=None):
            return "succeeded: the lead is billed."
        case Succeeded(reference=reference):
            return f"succeeded: the lead is billed; the buyer's reference is {reference}"
        case Rejected(reason=reason):
            return f"rejected: the lead is not billed, and the policy says what becomes of it; the reason is: {reason}"
        case FailedForNow(cause=cause):
            return f"failed ({cause}): it is tried again by the schedule."
        case FailedForGood(cause=cause):
            return f"failed for good ({cause}): the endpoint is not called any more."
        case Unknown(cause=cause):
            return (
                f"unclear ({cause}): the outcome is unknown; the lead is tried again at this buyer, and then waits "
                "in review."
            )
        case _:
            assert_never(outcome)
