"""Applies configuration to a started stack: the operator's files, or the examples to an empty embedded database.

What an operator has applied since is never overwritten: the examples go into no database that holds anything, nor into
one that DATABASE_URL names.
"""

import http.client
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from leadgen.configuration.service.apply import ConfigurationInvalid, application
from leadgen_local import paths
from leadgen_local.examples import contents, leads
from leadgen_local.stack import Stack


def run(
    stack: Stack,
    files: Sequence[Path],
    print_line: Callable[[str], None],
    *,
    examples: bool = True,
    report: bool = False,
) -> bool:
    """Apply the files. Without any, and with `examples`, apply the examples to an empty embedded database and post
    their leads; where they are not applied, print why, and the command that applies them.

    With `report`, print what the database holds where no example leads were posted. Returns whether the files could be
    applied and every example lead had the expected outcome.
    """
    posts = False
    try:
        with psycopg.connect(stack.database_url) as conn:
            if examples and not files:
                obstacle = _obstacle(stack, conn)
                posts = obstacle is None
                files = _examples() if posts else []
                if not posts:
                    print_line(f"examples  not applied: {obstacle}")
            if files:
                for notice in application(conn, files, stack.environment).notices:
                    print_line(f"notice    {notice}")
                print_line(f"applied   {', '.join(file.name for file in files)}")
        if posts:
            print_line("")
            return leads.run(stack.api_url, stack.database_url, paths.EXAMPLE_LEADS, print_line)
        if report:
            contents.report(stack.database_url, print_line)
    except ConfigurationInvalid as error:
        print_line(f"Nothing was applied:\n{error}")
        return False
    except (OSError, psycopg.Error, http.client.HTTPException) as error:
        print_line(f"The configuration or the example leads failed: {error}")
        return False
    return True


def _examples() -> list[Path]:
    return sorted(paths.EXAMPLES.glob("*.yaml"))


def _obstacle(stack: Stack, conn: psycopg.Connection) -> str | None:
    """Why the examples are not for this database, and what applies them; None where they are."""
    if not stack.has_own_database:
        files = " ".join(str(file.relative_to(paths.ROOT)) for file in _examples())
        return f'DATABASE_URL names the database.\n          make run FILES="{files}" applies them'
    found = contents.summary(conn)
    if found is None:
        return None
    return (
        f"the database has {found}.\n"
        '          make run FILES="a.yaml b.yaml" applies files; LEADGEN_STATE=another-directory make run begins anew'
    )
