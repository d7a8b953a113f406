"""An endpoint's URL without its query, for people."""


def without_query(url: str) -> str:
    """The URL without its query: buyers keep keys there."""
    return url.partition("#")[0].partition("?")[0]
