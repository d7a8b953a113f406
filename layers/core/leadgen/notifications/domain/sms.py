"""Composes SMS notices about a lead: one message of at most 160 GSM characters, naming no person."""

import re
import unicodedata

LONGEST = 160

# GSM 03.38 without what takes two places. Any other character would make the whole message one of 70.
_ALPHABET = frozenset(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def mailed(lead_id: int, *, vertical: str, market: str) -> str:
    """The lead was sent by e-mail."""
    return _fitted(lead_id, vertical, market, ") was e-mailed to you.")


def undelivered(lead_id: int, *, vertical: str, market: str) -> str:
    """Neither the buyer's system nor its mailbox has confirmed the lead, which waits."""
    tail = ") was not confirmed by your system. We keep it; please check there."
    return _fitted(lead_id, vertical, market, tail)


def _fitted(lead_id: int, vertical: str, market: str, tail: str) -> str:
    head = f"LeadGen: lead #{lead_id} ("
    about = f"{re.sub('[_-]', ' ', vertical).capitalize()}, {market}"
    plain = " ".join("".join(_plain(character) for character in about).split())
    left = LONGEST - len(head) - len(tail)
    return head + (plain if len(plain) <= left else plain[: left - 3].rstrip() + "...") + tail


def _plain(character: str) -> str:
    if character in _ALPHABET:
        return character
    if character.isspace():
        return " "
    return "".join(part for part in unicodedata.normalize("NFKD", character) if part in _ALPHABET)
