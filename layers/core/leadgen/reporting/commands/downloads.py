"""``leadgen invoice download``, ``credit-note download`` and ``payout download``: issued documents as files."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from leadgen.documents import commands as documents_commands
from leadgen.documents.service import documents as documents_service
from leadgen.documents.store import documents as documents_store
from leadgen.documents.store.documents import Format, Kind
from leadgen.kernel.errors import PolicyInvalid, Refusal
from leadgen.publishers.service import documents as publishers_documents
from leadgen.reporting.commands import output
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, describe
from leadgen.terminal.database import connection, environment

_FORMS: dict[str, Format] = {"pdf": "pdf", "ubl": "ubl", "factur-x": "factur_x"}


def invoice_command(parser: argparse.ArgumentParser) -> None:
    """Save an invoice as a file."""
    describe(
        parser,
        "Save an issued invoice as a file: the same bytes that were mailed to its buyer.",
        examples=["leadgen invoice download INV-000012", "leadgen invoice download INV-000012 --format ubl -o inv.xml"],
        notes=[
            "A file that was not made yet holds a link to pay, and needs SECRET_KEY and PUBLIC_URL as the functions "
            "have them.",
            DATABASE,
        ],
    )
    parser.add_argument("document", metavar="INVOICE", help="its number, such as INV-000012, or its id")
    _file_options(parser, "invoice")


def credit_note_command(parser: argparse.ArgumentParser) -> None:
    """Save a credit note as a file."""
    describe(
        parser,
        "Save a credit note as a file: the same bytes that were mailed to its buyer.",
        examples=["leadgen credit-note download CN-000003"],
    )
    parser.add_argument("document", metavar="CREDIT_NOTE", help="its number, such as CN-000003, or its id")
    _file_options(parser, "credit_note")


def payout_command(parser: argparse.ArgumentParser) -> None:
    """Save a payout's statement as a file."""
    describe(
        parser,
        "Save a payout's statement as a file: what the publisher's leads have earned.",
        examples=["leadgen payout download PO-000001"],
    )
    parser.add_argument("document", metavar="PAYOUT", help="its number, such as PO-000001, or its id")
    _file_options(parser, "payout")


def _file_options(parser: argparse.ArgumentParser, kind: Kind) -> None:
    parser.add_argument("--format", choices=tuple(_FORMS), default="pdf", help="(pdf)")
    output.output_option(parser, "the file to write; without it, a file here that is named by the document's number")
    parser.set_defaults(run=_download, kind=kind)


def _download(options: argparse.Namespace) -> int:
    kind: Kind = options.kind
    form = _FORMS[options.format]
    environ = environment()
    with connection(environ) as conn:
        try:
            document_id = documents_commands.issued(conn, kind, options.document)
            if kind == "invoice" and form != "ubl" and documents_store.get(conn, kind, document_id, form) is None:
                _set_up_link(environ)
            if kind == "payout":
                drawn = publishers_documents.document(conn, document_id, form)
            else:
                drawn = documents_service.document(conn, kind, document_id, form)
        except (Refusal, PolicyInvalid) as refused:
            raise CommandFailed(str(refused)) from None
    target = options.output or Path(drawn.filename)
    output.write(target, drawn.content)
    print(f"{target}: {len(drawn.content)} bytes, SHA-256 {drawn.sha256}")
    return DONE


def _set_up_link(environ: Mapping[str, str]) -> None:
    """The link to pay stays in the file for good: it is made as the functions make it. Raises CommandFailed."""
    if not (environ.get("SECRET_KEY") and environ.get("PUBLIC_URL")):
        raise CommandFailed(
            "this file was not made yet, and holds a link to pay: set SECRET_KEY and PUBLIC_URL as the functions have "
            "them, or get the file from the API"
        )
    os.environ.update({name: environ[name] for name in ("DATABASE_URL", "SECRET_KEY", "PUBLIC_URL")})
