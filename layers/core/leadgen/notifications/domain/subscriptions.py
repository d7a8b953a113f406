"""Subscriptions: the topics, the URL's rules, and which subscriber receives which event."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from leadgen.kernel.events import NAMES_OF_BEFORE, WAKE_UPS, Topic, current_name

EVENTS = tuple(topic.value for topic in Topic if topic not in WAKE_UPS)
"""The events that may be subscribed to, by name."""

EVERYTHING = "*"
GROUPS = tuple(dict.fromkeys(name.partition(".")[0] + ".*" for name in EVENTS))
"""All the events of one kind: ``lead.*`` and so on."""

ROTATION = timedelta(hours=24)
"""How long the secret before the present one signs too."""

MOST_IN_FORCE = 50
"""How many subscriptions one owner has at most: an event goes to all of them, and others wait meanwhile."""

SECRET_BYTES = 32
_PREFIX = "whsec_"
_FEWEST_SECRET_BYTES, _MOST_SECRET_BYTES = 24, 64
_LONGEST_URL = 500


class SubscriptionInvalid(Exception):
    """What was asked for cannot be subscribed to; the message says what is wrong, and what may be written."""


@dataclass(frozen=True)
class Subscription:
    """Who gets which events: a buyer only its own, the operator (no buyer) all."""

    subscription_id: int
    buyer_id: int | None
    events: tuple[str, ...]


def takes(subscription: Subscription, event: str, ids: Mapping[str, object]) -> bool:
    """Whether an event about these ids is for this subscription."""
    if subscription.buyer_id is not None and ids.get("buyer_id") != subscription.buyer_id:
        return False
    group = event.partition(".")[0] + ".*"
    return any(chosen in (EVERYTHING, group, event) for chosen in subscription.events)


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The events of a filter, each once, as they are kept. Raises SubscriptionInvalid."""
    given = [current_name(name.strip().lower()) for name in names if name.strip()]
    allowed = (EVERYTHING, *GROUPS, *EVENTS)
    strange = sorted(set(given) - set(allowed))
    if strange or not given:
        what = f"no event: {', '.join(map(repr, strange))}" if strange else "no events are named"
        raise SubscriptionInvalid(f"{what}; there are {', '.join(allowed)}")
    return tuple(name for name in allowed if name in given)


def renamed(names: Sequence[str]) -> tuple[str, ...]:
    """A notice for each event of a filter that has another name now."""
    given = (name.strip().lower() for name in names)
    return tuple(f"{name} is now {NAMES_OF_BEFORE[name]}" for name in given if name in NAMES_OF_BEFORE)


def words(events: Sequence[str]) -> str:
    """The events of a filter in a person's words."""
    return "every event" if EVERYTHING in events else ", ".join(events)


def checked_url(url: str) -> str:
    """An address that events may be posted to, as far as its spelling shows; whether it may be
    called from here is checked at every call. Raises SubscriptionInvalid.
    """
    text = url.strip()
    if len(text) > _LONGEST_URL:
        raise SubscriptionInvalid(f"the url is longer than {_LONGEST_URL} characters")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise SubscriptionInvalid("the url has characters that no url has: write a name of other letters as xn--…")
    try:
        parts = urlsplit(text)
        _ = parts.port  # refuses what is no port
    except ValueError:
        raise SubscriptionInvalid("the url cannot be read: write https://host/path") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise SubscriptionInvalid("the url is none that can be posted to: write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise SubscriptionInvalid("the url has a user or a password in it: what is sent is signed instead")
    if parts.fragment:
        raise SubscriptionInvalid("the url has a #fragment, which is never sent: leave it out")
    return text


def secret(raw: bytes) -> str:
    """A secret of these random bytes, as Standard Webhooks writes it."""
    return _PREFIX + base64.b64encode(raw).decode()


def checked_secret(text: str) -> str:
    """A secret that the caller chose. Raises SubscriptionInvalid, without repeating it."""
    if text.startswith(("v1,", "v1a,")):
        raise SubscriptionInvalid(
            "the secret begins with v1, as a signature does: leave that out, it begins with whsec_"
        )
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(_PREFIX) or not _FEWEST_SECRET_BYTES <= len(raw) <= _MOST_SECRET_BYTES:
        raise SubscriptionInvalid(
            f"the secret is none: write whsec_ and {_FEWEST_SECRET_BYTES} to {_MOST_SECRET_BYTES} random bytes in "
            "base64, or leave it to be made"
        )
    return text
