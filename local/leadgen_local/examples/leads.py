"""Posts the example leads over HTTP and prints what became of each, beside what was expected."""

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

OUTCOME = sql.SQL(
    """
    CASE WHEN l.status = 'rejected' THEN 'rejected'
         WHEN l.billing_status <> 'pending' THEN 'billed'
         WHEN d.status = 'in_review' THEN 'in_review'
         WHEN l.status = 'validated' AND l.unrouted_at IS NOT NULL THEN 'unrouted'
    END
    """
)
"""What became of a lead `l` with its delivery `d`, if it has one that was not released; NULL while it is under way."""

_WAIT_SECONDS = 10  # how long a post may wait for its lead to be routed
_SETTLE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_COLUMNS = ("note", "became", "buyer", "price", "reason", "as expected")


@dataclass(frozen=True)
class Example:
    """A line of the file: what is posted, and what is expected to come of it."""

    note: str
    post: dict[str, Any]
    expect: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    body: dict[str, Any]

    @property
    def lead_id(self) -> int | None:
        return self.body.get("lead_id")

    @property
    def error(self) -> str | None:
        error = self.body.get("error")
        return error.get("code") if isinstance(error, dict) else None


@dataclass(frozen=True)
class LeadResult:
    """What became of a lead; `outcome` is None while it is still under way."""

    lead_id: int
    outcome: str | None
    buyer: str | None
    price: str | None
    reason: str | None
    is_duplicate: bool


def run(api_url: str, database_url: str, file: Path, print_line: Callable[[str], None]) -> bool:
    """Post every lead of the file in turn, wait until all are settled, print the table; whether all are as expected."""
    examples = [Example(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    began = time.monotonic()
    answers = [_post(api_url, example.post) for example in examples]
    posted = time.monotonic()
    results = _await_results(database_url, [answer.lead_id for answer in answers if answer.lead_id is not None])
    rows = [
        _row(example, answer, results, _replayed(example, answers))
        for example, answer in zip(examples, answers, strict=True)
    ]
    for line in _table(rows):
        print_line(line)
    good = sum(row[-1] == "✓" for row in rows)
    print_line("")
    print_line(
        f"{good} of {len(rows)} leads became what they should. Posted in {posted - began:.1f} s, "
        f"settled {time.monotonic() - posted:.1f} s later."
    )
    return good == len(rows)


def _post(api_url: str, post: dict[str, Any]) -> Answer:
    headers = {"Prefer": f"wait={_WAIT_SECONDS}", **post.get("headers", {})}
    if "host" in post:
        headers["Host"] = post["host"]
    if "form" in post:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        body = urllib.parse.urlencode(post["form"], doseq=True).encode()
    else:
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(post["json"]).encode()
    address = urllib.parse.urlsplit(api_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_WAIT_SECONDS + 10)
    try:
        connection.request("POST", post["path"], body, headers)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    try:
        answered = json.loads(text)
    except ValueError:
        answered = {}
    return Answer(response.status, answered if isinstance(answered, dict) else {})


def _await_results(database_url: str, lead_ids: Sequence[int]) -> dict[int, LeadResult]:
    """What became of these leads, by id, once all are settled; after a minute, as far as they have come."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    with psycopg.connect(database_url, autocommit=True) as conn:
        while True:
            results = _results(conn, lead_ids)
            if all(result.outcome is not None for result in results.values()) or time.monotonic() >= deadline:
                return results
            time.sleep(_POLL_SECONDS)


def _results(conn: psycopg.Connection[tuple[Any, ...]], lead_ids: Sequence[int]) -> dict[int, LeadResult]:
    rows = conn.execute(
        sql.SQL(
            """
            SELECT l.id, {outcome}, b.name, l.delivered_price::text,
                   coalesce(l.validation_reason, l.rejection_reason, d.review_reason, l.unrouted_reason),
                   l.is_duplicate
              FROM leads l
              LEFT JOIN deliveries d ON d.lead_id = l.id AND d.status <> 'released'
              LEFT JOIN buyers b ON b.id = l.buyer_id
             WHERE l.id = ANY(%s)
            """
        ).format(outcome=OUTCOME),
        (list(lead_ids),),
    ).fetchall()
    return {row[0]: LeadResult(*row) for row in rows}


def _replayed(example: Example, answers: Sequence[Answer]) -> int | None:
    """The lead that the post should have been answered with again, when it repeats an earlier line (counted from 1)."""
    line = example.expect.get("replay_of")
    return None if line is None else answers[line - 1].lead_id


def _row(example: Example, answer: Answer, results: dict[int, LeadResult], replayed: int | None) -> list[str]:
    expect = example.expect
    result = results.get(answer.lead_id) if answer.lead_id is not None else None
    became = {
        "status": answer.status,
        "outcome": result.outcome if result else "error",
        "buyer": result.buyer if result else None,
        "price": result.price if result else None,
        "reason": result.reason if result else None,
        "error": answer.error,
        "duplicate": bool(result and result.is_duplicate),
    }
    wanted = {key: expect.get(key) for key in became} | {"duplicate": bool(expect.get("duplicate"))}
    as_expected = became == wanted and (replayed is None or answer.lead_id == replayed)
    expected = ", ".join(cell for cell in _cells(wanted) if cell)
    return [example.note, *_cells(became), "✓" if as_expected else f"✗ {expected}"]


def _cells(facts: dict[str, Any]) -> list[str]:
    """Outcome, buyer, price and reason, as they are shown."""
    duplicate = " (duplicate)" if facts["duplicate"] else ""
    outcome = f"{facts['outcome'] or 'under way'}{duplicate}"
    if facts["outcome"] == "error":
        outcome = f"refused, {facts['status']}"
    reason = facts["error"] or facts["reason"]
    return [outcome, str(facts["buyer"] or ""), str(facts["price"] or ""), str(reason or "")]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in [_COLUMNS, *rows]) for column in range(len(_COLUMNS) - 1)]
    widths.append(len(_COLUMNS[-1]))

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    return [line(_COLUMNS), line(["─" * width for width in widths]), *(line(row) for row in rows)]
