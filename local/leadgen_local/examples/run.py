"""What `make run` does with a running stack: apply the example markets, post the example leads, say how to go on."""

import http.client
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from leadgen.configuration.service.apply import ConfigurationInvalid, apply_files
from leadgen_local import paths
from leadgen_local.examples import report
from leadgen_local.stack import Stack

LEADS = paths.EXAMPLES / "leads.jsonl"


def run(stack: Stack, files: Sequence[Path], say: Callable[[str], None]) -> bool:
    """Apply the files, or without any the examples, whose leads are then posted too; whether all went as it should."""
    applied = files or sorted(paths.EXAMPLES.glob("*.yaml"))
    try:
        with psycopg.connect(stack.database_url) as conn:
            apply_files(conn, applied, stack.environment)
        say(f"applied   {', '.join(file.name for file in applied)}\n")
        return bool(files) or report.run(stack.api_url, stack.database_url, LEADS, say)
    except ConfigurationInvalid as error:
        say(f"Nothing was applied:\n{error}")
    except (OSError, psycopg.Error, http.client.HTTPException) as error:
        say(f"The examples could not be worked to the end: {error}")
    return False


def tell_how_to_go_on(stack: Stack, say: Callable[[str], None]) -> None:
    """Where everything is, and a request to try."""
    say(f"\nServing at {stack.api_url} until Ctrl-C. Addresses, a token and pids: {stack.state.summary}")
    say(f"Logs: {stack.state.logs}/   What buyers got: {stack.sink_url}/received, /mail and /sms\n")
    say(_curl(stack.api_url))


def _curl(api_url: str) -> str:
    """A command that posts a new lead, much like the first example that is JSON."""
    for line in LEADS.read_text(encoding="utf-8").splitlines() if LEADS.exists() else []:
        post = json.loads(line)["post"]
        if "json" in post:
            body = shlex.quote(json.dumps(_somebody_else(post["json"]), ensure_ascii=False))
            headers = "-H 'Content-Type: application/json' -H 'Prefer: wait=5'"
            return f"curl -i {api_url}{post['path']} {headers} \\\n  -d {body}"
    return f"curl -i {api_url}/health"


def _somebody_else(lead: dict[str, Any]) -> dict[str, Any]:
    """The same wish of another person: neither a replay nor a duplicate."""
    return {**lead, "name": "Robin Newcomer", "email": "robin@example.com", "phone": f"{lead['phone'][:-4]}0177"}
