"""The Lead Ingestion Classification Contract: resolves a request to exactly one source, or to a classified error."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from leadgen.kernel.errors import Refusal

_SOURCE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,127}")


@dataclass(frozen=True)
class Identification:
    """What a request holds of where it comes from, in canonical form.

    Exactly one way applies: ``source_id``, else ``source_key``, else ``hostname`` with ``path``.
    """

    source_id: int | None
    source_key: str | None
    hostname: str | None
    path: str


class Resolution(StrEnum):
    """What the look-up of the active sources found."""

    RESOLVED = "resolved"
    NONE = "none"
    AMBIGUOUS = "ambiguous"


def identify(*, source_id: int | None, source_key: str | None, host: str | None, path: str) -> Identification:
    """Canonicalize the inputs in their order of priority.

    Raises Refusal 400 ``invalid_source_key_format`` or ``missing_host_header``.
    """
    if source_id is not None:
        return Identification(source_id, None, None, normalize_path(path))
    if source_key is not None:
        return Identification(None, canonical_source_key(source_key), None, normalize_path(path))
    hostname = strip_port(host or "")
    if not hostname:
        raise Refusal(
            400,
            "missing_host_header",
            "the Host header is required to find the source of a post that names neither source_key nor source_id",
        )
    return Identification(None, None, hostname, normalize_path(path))


def canonical_source_key(source_key: str) -> str:
    """Trimmed. Raises Refusal 400 ``invalid_source_key_format``."""
    trimmed = source_key.strip()
    if not _SOURCE_KEY.fullmatch(trimmed):
        raise Refusal(
            400,
            "invalid_source_key_format",
            "source_key must match /^[A-Za-z0-9][A-Za-z0-9._:-]{1,127}$/ after trimming",
        )
    return trimmed


def strip_port(host: str) -> str:
    """The lower-cased host name without its port; an IPv6 address keeps its brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[: host.find("]") + 1] or host
    return host.split(":", 1)[0].rstrip()


def normalize_path(path: str) -> str:
    """A path that starts with a slash; the empty path is the root."""
    return path if path.startswith("/") else "/" + path


def refuse_unresolved(identification: Identification, resolution: Resolution) -> None:
    """Raise the contract's Refusal unless exactly one source was found."""
    match resolution:
        case Resolution.RESOLVED:
            return
        case Resolution.AMBIGUOUS:
            raise Refusal(
                409,
                "ambiguous_source_mapping",
                "more than one active source matches this host and path equally well; "
                "give them path prefixes of different length, or send source_key",
                {"hostname": identification.hostname, "path": identification.path},
            )
        case Resolution.NONE:
            raise _not_found(identification)
        case _:
            assert_never(resolution)


def _not_found(identification: Identification) -> Refusal:
    if identification.source_id is not None:
        return Refusal(400, "invalid_source", "no active source has this source_id")
    if identification.source_key is not None:
        return Refusal(400, "invalid_source_key", "no active source has this source_key")
    return Refusal(
        400,
        "unmapped_source",
        "no active source is mapped to this host and path; send source_key, or map the host to a source",
        {"hostname": identification.hostname, "path": identification.path},
    )
