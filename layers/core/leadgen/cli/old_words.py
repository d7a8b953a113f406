"""The commands' words of before, when all stood in one list: they still run, with a notice.

Where one command has become several, its options and arguments select one.
"""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple


class Renamed(NamedTuple):
    """The words of before as the notice has them, the words of now, and what follows them."""

    before: str
    now: str
    rest: list[str]


_NAMES = {
    "aging": "invoice aging",
    "apply": "config apply",
    "audit": "ledger audit",
    "buyer-token": "buyer token",
    "decide-again": "verify-decisions",
    "export": "config export",
    "export-invoices": "invoice export",
    "history": "config history",
    "journal": "ledger journal",
    "listen": "event listen",
    "plan": "config plan",
    "preview-delivery": "delivery preview",
    "replay": "delivery replay",
    "rollback": "config rollback",
    "rotate-secret": "subscription rotate-secret",
    "schema": "config schema",
    "statement": "buyer statement",
    "subscribe": "subscription create",
    "subscriptions": "subscription list",
    "suppress": "suppression",
    "top-up": "wallet top-up",
    "trigger": "event trigger",
    "unsubscribe": "subscription delete",
    "write-off": "invoice write-off",
}
_HELP = ("-h", "--help")


def renamed(words: list[str]) -> Renamed | None:
    """What these words are now; None where they are words of today, or no command at all."""
    before, rest = words[0], words[1:]
    if before in _NAMES:
        return Renamed(before, _NAMES[before], rest)
    split = _SPLIT.get(before)
    return None if split is None else split(rest)


def _pay(rest: list[str]) -> Renamed:
    if any(word in _HELP for word in rest):
        return Renamed("pay", "payment", ["--help"])
    if undone := _value(rest, "--undo"):
        return Renamed("pay --undo", "payment undo", undone)
    if "--from-wallet" in rest:
        return Renamed("pay --from-wallet", "wallet pay", [word for word in rest if word != "--from-wallet"])
    is_list = not rest or rest[0].startswith("--buyer")
    return Renamed("pay", "payment list" if is_list else "payment record", rest)


def _credit(rest: list[str]) -> Renamed:
    if any(word in _HELP for word in rest):
        return Renamed("credit", "credit-note", ["--help"])
    return Renamed("credit", "credit-note create" if rest else "credit-note list", rest)


def _dispute(rest: list[str]) -> Renamed | None:
    if rest and not _is_argument(rest[0]):
        return None
    if closed := _value(rest, "--close"):
        return Renamed("dispute --close", "dispute close", closed)
    if not rest:
        return Renamed("dispute", "dispute list", rest)
    return Renamed("dispute INVOICE", "dispute open", rest)


def _refund(rest: list[str]) -> Renamed | None:
    return Renamed("refund PAYMENT", "refund create", rest) if rest and _is_argument(rest[0]) else None


def _return(rest: list[str]) -> Renamed | None:
    if rest and not _is_argument(rest[0]):
        return None
    for option, now in (("--file", "import"), ("--approve", "approve"), ("--reject", "reject")):
        if found := _value(rest, option):
            return Renamed(f"return {option}", f"return {now}", found)
    if "--rates" in rest:
        return Renamed("return --rates", "return rates", [word for word in rest if word != "--rates"])
    if not rest:
        return Renamed("return", "return list", rest)
    return Renamed("return LEAD", "return create", rest)


def _review(rest: list[str]) -> Renamed | None:
    if not rest:
        return Renamed("review", "review list", rest)
    lead = _value(rest, "--lead")
    if not _is_argument(rest[0]) and not (rest[0] == "release" and lead):
        return None
    named, options = _arguments(lead[1:] if lead else rest, ("--buyer", "--reason"))
    if lead and named[:1] == ["reject"]:
        return Renamed("review --lead LEAD reject", "review reject", ["--lead", lead[0], *named[1:], *options])
    if lead:
        verdict = " ".join(named[:1])
        return Renamed(f"review --lead LEAD {verdict}", f"review {verdict}", [lead[0], *named[1:], *options])
    if len(named) < 2:
        return Renamed("review DELIVERY", "review show", [*named, *options])
    delivery, verdict, *more = named
    now = "succeeded" if verdict == "taken" else verdict
    return Renamed(f"review DELIVERY {verdict}", f"review {now}", [delivery, *more, *options])


def _endpoints(rest: list[str]) -> Renamed:
    if opened := _value(rest, "--open"):
        return Renamed("endpoints --open", "endpoint reset", opened)
    return Renamed("endpoints", "endpoint list", rest)


def _recover(rest: list[str]) -> Renamed:
    buyers, options = _arguments(rest, ("--since", "--until", "--rate", "--resume", "--stop"))
    named = [word for buyer in buyers for word in ("--buyer", buyer)]
    return Renamed("recover", "delivery replay", [*named, *options])


def _document(rest: list[str]) -> Renamed:
    named, options = _arguments(rest, ("--format", "-o", "--output"))
    kind = named[0] if named else "invoice"
    return Renamed(f"document {kind}", f"{kind} download", [*named[1:], *options])


def _payouts(rest: list[str]) -> Renamed:
    if rest[:1] == ["paid"]:
        return Renamed("payouts paid", "payout mark-paid", rest[1:])
    return Renamed("payouts", "payout", rest)


def _disposable(rest: list[str]) -> Renamed:
    if rest[:1] == ["forget"]:
        return Renamed("disposable forget", "email-domain reset", rest[1:])
    return Renamed("disposable", "email-domain", rest)


_SPLIT: dict[str, Callable[[list[str]], Renamed | None]] = {
    "credit": _credit,
    "disposable": _disposable,
    "dispute": _dispute,
    "document": _document,
    "endpoints": _endpoints,
    "pay": _pay,
    "payouts": _payouts,
    "recover": _recover,
    "refund": _refund,
    "return": _return,
    "review": _review,
}


def _is_argument(word: str) -> bool:
    """An id, a number or an option, where now a command's name stands."""
    return word not in _HELP and (word.startswith("--") or bool(re.fullmatch(r"[0-9a-fA-F-]+|.*[0-9].*", word)))


def _value(rest: list[str], option: str) -> list[str]:
    """The option's value, and then all that stands around them; nothing where the option is not given."""
    for place, word in enumerate(rest):
        if word.startswith(f"{option}="):
            return [word.partition("=")[2], *rest[:place], *rest[place + 1 :]]
        if word == option and place + 1 < len(rest):
            return [rest[place + 1], *rest[:place], *rest[place + 2 :]]
    return []


def _arguments(rest: list[str], with_value: Collection[str]) -> tuple[list[str], list[str]]:
    """Arguments and options apart; these options have a value."""
    arguments, options = [], []
    words = iter(rest)
    for word in words:
        if not word.startswith("-"):
            arguments.append(word)
            continue
        options.append(word)
        if word in with_value:
            options += [value] if (value := next(words, None)) is not None else []
    return arguments, options
