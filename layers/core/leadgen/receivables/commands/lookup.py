"""An invoice as a person names it."""

import argparse
from typing import Any

from psycopg import Connection

from leadgen.receivables.store import invoices
from leadgen.terminal.command import CommandFailed


def invoice_argument(parser: argparse.ArgumentParser) -> None:
    """The argument that names an invoice."""
    parser.add_argument("invoice", metavar="INVOICE", help="its number, such as INV-000012, or its id")


def invoice(conn: Connection[Any], named: str) -> int:
    """The invoice that a person names by its number or its id. Raises CommandFailed."""
    number = named.strip()
    if number.isdecimal() and len(number) < 11 and int(number) < 2**31 and invoices.by_id(conn, [int(number)]):
        return int(number)
    invoice_id = invoices.numbered(conn, number.upper())
    if invoice_id is None:
        raise CommandFailed(f"there is no invoice {named}: name one by its number, such as INV-000012, or its id")
    return invoice_id
