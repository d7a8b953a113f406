"""An issued document as a person names it."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from leadgen.documents.store import documents
from leadgen.documents.store.documents import Kind
from leadgen.terminal.command import CommandFailed

_NUMBERS: Mapping[Kind, str] = {"invoice": "INV-000012", "credit_note": "CN-000012", "payout": "PO-000012"}


def issued(conn: Connection[Any], kind: Kind, named: str) -> int:
    """The invoice, credit note or payout that a person names by its number or its id. Raises CommandFailed."""
    written = named.strip()
    found = documents.numbered(conn, kind, written.upper())
    if found is None and written.isdecimal() and int(written) < 2**31:
        return int(written)
    if found is None:
        what = kind.replace("_", " ")
        raise CommandFailed(f"there is no {what} {named}: name one by its number, such as {_NUMBERS[kind]}, or its id")
    return found
