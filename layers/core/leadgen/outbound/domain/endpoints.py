"""An endpoint's URL as people are shown it."""


def without_query(url: str) -> str:
    """The URL without its query: buyers keep keys there."""
    return url.partition("#")[0].partition("?")[0]
