"""Prints where a running stack serves, and a request to try."""

import json
import shlex
from collections.abc import Callable
from typing import Any

import psycopg

from leadgen_local import paths
from leadgen_local.stack import Stack


def show(stack: Stack, print_line: Callable[[str], None]) -> None:
    """Print the addresses, the files, and a command that posts a lead where an example's source is configured."""
    print_line(f"\nServing at {stack.api_url} until Ctrl-C. Addresses, a token and pids: {stack.state.summary}")
    print_line(f"Logs: {stack.state.logs}/   What buyers got: {stack.sink_url}/received, /mail and /sms\n")
    print_line(_curl(stack))


def _curl(stack: Stack) -> str:
    """A command that posts a new lead, much like the first example that is JSON."""
    lines = paths.EXAMPLE_LEADS.read_text(encoding="utf-8").splitlines()
    post = next(post for line in lines if "json" in (post := json.loads(line)["post"]))
    if not _is_active_source(stack.database_url, post["json"]["source_key"]):
        return f"curl -i {stack.api_url}/health"
    body = shlex.quote(json.dumps(_somebody_else(post["json"]), ensure_ascii=False))
    headers = "-H 'Content-Type: application/json' -H 'Prefer: wait=5'"
    return f"curl -i {stack.api_url}{post['path']} {headers} \\\n  -d {body}"


def _is_active_source(database_url: str, source_key: str) -> bool:
    try:
        with psycopg.connect(database_url) as conn:
            row = conn.execute("SELECT 1 FROM sources WHERE source_key = %s AND is_active", (source_key,)).fetchone()
    except psycopg.Error:  # the database is away for the moment: the stack serves on
        return False
    return row is not None


def _somebody_else(lead: dict[str, Any]) -> dict[str, Any]:
    """The same wish of another person: neither a replay nor a duplicate."""
    return {**lead, "name": "Robin Newcomer", "email": "robin@example.com", "phone": f"{lead['phone'][:-4]}0177"}
