"""Words of files that have another name now: they are still read, with a notice of what to write."""

from collections.abc import Iterator

from leadgen.configuration.domain.yaml_reader import Document, Location

# Fields and values by the end of their location; a number of a list is left out.
_FIELDS = {
    ("routing_policy", "config", "refusal"): "rejection",
    ("delivery", "answer", "refused_statuses"): "rejected_statuses",
    ("delivery", "answer", "refused_when"): "rejected_when",
}
_OTHERWISE = ("delivery", "answer", "otherwise")


def notices(document: Document) -> Iterator[str]:
    """A line for each word of before, in the order of the file: ``file.yaml:12: 'refusal' is now 'rejection'``."""
    for location, line in document.lines.items():
        if not location or not isinstance(location[-1], str):
            continue
        named = tuple(part for part in location if isinstance(part, str))
        for end, name in _FIELDS.items():
            if named[-len(end) :] == end:
                yield f"{document.name}:{line}: {end[-1]!r} is now {name!r}"
        if named[-len(_OTHERWISE) :] == _OTHERWISE and _value(document, location) == "refused":
            yield f"{document.name}:{line}: 'otherwise: refused' is now 'otherwise: rejected'"


def _value(document: Document, location: Location) -> object:
    here: object = document.value
    for part in location:
        here = here[part] if isinstance(here, dict | list) else None  # type: ignore[index]  # a location is of what stands there
    return here
