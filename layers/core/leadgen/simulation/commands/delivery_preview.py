"""``leadgen delivery preview``: how leads are sent to a buyer, and how its answer is read, before anything is sent."""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import assert_never
from urllib.parse import parse_qsl

import simplejson

from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.delivery.domain.formats.payload import Rendered
from leadgen.kernel.errors import PolicyInvalid
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown
from leadgen.platform import clock
from leadgen.simulation.service import delivery_preview
from leadgen.simulation.service.delivery_preview import SIGNATURES, NothingToPreview, Preview, WantedPreview
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, describe, number
from leadgen.terminal.database import connection, environment

_ANSWER = re.compile(r"([1-5][0-9]{2})(?:\s(.*))?", re.DOTALL)
_TAG = re.compile(r"(?<=>)(?=<)")


def preview_command(parser: argparse.ArgumentParser) -> None:
    """Show the request that a buyer would receive."""
    describe(
        parser,
        "Write a lead in a buyer's format and print the headers and the body, laid out for reading. Nothing is sent "
        "and nothing is changed. The enrollment is the one that is configured, or with --file one that is not applied "
        "yet; the lead is made up, or with --lead a stored one.",
        examples=[
            "leadgen delivery preview --buyer crm@buyer.example",
            "leadgen delivery preview --file my-market.yaml --buyer crm@buyer.example \\",
            """    --answer '200 {"result": "duplicate"}'""",
        ],
        notes=[f"{DATABASE} With --file and without --lead none is needed."],
    )
    parser.add_argument("--buyer", required=True, metavar="EMAIL", help="the buyer, by its e-mail address")
    parser.add_argument("--offer", metavar="NAME", help="the offer, where the buyer is enrolled in more than one")
    parser.add_argument("--market", metavar="NAME", help="the market, where several have an offer of this name")
    parser.add_argument("--file", type=Path, metavar="FILE", help="use the enrollment in this configuration file")
    parser.add_argument("--lead", type=number, metavar="LEAD", help="a stored lead (its id) instead of a made-up one")
    parser.add_argument("--raw", action="store_true", help="print the body alone, byte for byte")
    parser.add_argument(
        "--answer",
        type=_answer,
        metavar="'STATUS BODY'",
        help="an answer of the buyer: show what it would count as",
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
    except (NothingToPreview, PolicyInvalid, ConfigurationInvalid) as failure:
        raise CommandFailed(str(failure)) from None
    if options.raw:
        sys.stdout.buffer.write(preview.rendered.body)
        return DONE
    for line in lines(preview):
        # What somebody posted must not command the terminal.
        print("".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in line))
    if options.answer is not None:
        print()
        print(f"The answer {options.answer[0]} counts as {effect(preview.outcome(*options.answer))}")
    return DONE


def _made(options: argparse.Namespace) -> Preview:
    wanted, now = WantedPreview(options.buyer, options.offer, options.market), clock.now()
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
        yield f"Attempts: at once, and after each failure: {steps}"
    yield ""
    yield (
        f"POST {enrolled.url}" if enrolled.url else "No webhook: its leads are sent by e-mail. A webhook would receive:"
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


def effect(outcome: CallOutcome) -> str:
    """What an answer leads to, in a sentence's end."""
    match outcome:
        case Succeeded(reference=None):
            return "succeeded: the lead is billed."
        case Succeeded(reference=reference):
            return f"succeeded: the lead is billed; the buyer's reference is {reference}"
        case Rejected(reason=reason):
            return f"rejected by the buyer ({reason}): the lead is not billed, and the policy decides what follows."
        case FailedForNow(cause=cause):
            return f"failed ({cause}): it is retried on schedule."
        case FailedForGood(cause=cause):
            return f"failed for good ({cause}): the endpoint is not called again."
        case Unknown(cause=cause):
            return f"outcome unknown ({cause}): the delivery is retried at this buyer, and then waits in review."
        case _:
            assert_never(outcome)
