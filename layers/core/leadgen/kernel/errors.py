"""Errors the platform answers with. One tree:

Refusal             a request the platform will not do, with the HTTP status and code it is answered with
PolicyInvalid       a stored or submitted policy that does not parse
"""

from collections.abc import Mapping


class Refusal(Exception):
    """A request that cannot be done: what is wrong, where, and how to mend it.

    ``status`` is the HTTP status, ``code`` one of the documented error codes, ``details`` plain JSON values.
    """

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})

    @classmethod
    def missing(cls, what: str, named: object) -> "Refusal":
        """404 for a thing that there is none of, or none for this caller: ``missing("invoice", 7)``."""
        return cls(404, "not_found", f"there is no {what} {named}")


class PolicyInvalid(Exception):
    """A policy that does not parse; the message names it, its version and the faulty field."""
