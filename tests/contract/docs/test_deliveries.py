"""The reference of deliveries: what it shows is what is taken, verified and called so."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from standardwebhooks import WebhookVerificationError

from leadgen.delivery.domain import steps, verdicts
from leadgen.delivery.domain.steps import ReviewReason
from leadgen.outbound.domain import backoff, breaker, outcomes, signing
from leadgen.outbound.domain.signing import Sending
from leadgen.platform.settings import Settings, load
from leadgen_local.sinks.behavior import Behavior

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "deliveries.md").read_text(encoding="utf-8")
BODY = '{"name":"Zoë"}'.encode()
NEEDED = {"DATABASE_URL": "postgresql://x", "SECRET_KEY": "x" * 32}
PLAIN, STANDARD = "a plain secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receive() -> Callable[[str, dict[str, str], bytes], str]:
    """The receiver that the page shows."""
    (written,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {}
    exec(compile(written, "deliveries.md", "exec"), scope)
    receiver: Callable[[str, dict[str, str], bytes], str] = scope["receive"]
    return receiver


def sent(*secrets: str, at: int | None = None) -> dict[str, str]:
    sending = Sending("msg-17", steps.EVENT, "application/json", BODY)
    found = signing.headers(sending, secrets, at=int(time.time()) if at is None else at)
    return {name.lower(): value for name, value in found.items()}


@pytest.mark.parametrize("secret", [PLAIN, STANDARD])
def test_the_receiver_of_the_reference_takes_what_is_signed(receive: Callable[..., str], secret: str) -> None:
    assert receive(secret, sent(secret), BODY) == "msg-17"


@pytest.mark.parametrize("secret", [PLAIN, STANDARD])
def test_it_refuses_another_body_another_secret_and_a_replay(receive: Callable[..., str], secret: str) -> None:
    for headers, body in [
        (sent(secret), BODY + b" "),
        (sent("another"), BODY),
        (sent(secret, at=int(time.time()) - 301), BODY),
        (sent(), BODY),
    ]:
        with pytest.raises(WebhookVerificationError):
            receive(secret, headers, body)


def test_during_a_rotation_it_takes_what_is_signed_with_either_secret(receive: Callable[..., str]) -> None:
    headers = sent(STANDARD, PLAIN)
    assert {receive(secret, headers, BODY) for secret in (STANDARD, PLAIN)} == {"msg-17"}
    assert headers["x-webhook-signature"] == signing.sign(STANDARD, BODY)


def test_the_headers_of_the_reference_are_those_that_are_sent() -> None:
    table = TEXT[TEXT.index("## For buyers") : TEXT.index("Verify with any library")]
    shown = {name.lower() for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in cell.split("`")}
    assert {name for name in shown if name.strip(", ")} == sent(PLAIN).keys() - {"content-type"}


def test_the_verdict_of_the_reference_is_one() -> None:
    (written,) = re.findall(r"^```json verdict\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert verdicts.read(json.loads(written)).buyer_id == 7


def rows(heading: str) -> set[str]:
    """The names in the first column of the table with this heading."""
    table = re.search(rf"^\| {heading} \|.*?\n\n", TEXT + "\n\n", re.MULTILINE | re.DOTALL)
    assert table is not None
    return set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table[0].strip().splitlines())))


def test_every_outcome_reason_and_verdict_has_its_row_and_its_words() -> None:
    assert rows("outcome") == set(get_args(outcomes.Name)) == verdicts.OUTCOMES.keys()
    assert rows("reason") == set(get_args(ReviewReason)) == verdicts.REVIEW_REASONS.keys()
    assert rows("verdict") == set(verdicts.NAMES)
    for state in (*get_args(breaker.State), "pending", "succeeded", "in_review", "released"):
        assert f"| `{state}` |" in TEXT


def test_every_refusal_of_a_verdict_has_its_row() -> None:
    source = (
        Path(verdicts.__file__).read_text() + (Path(verdicts.__file__).parents[2] / "review" / "service.py").read_text()
    )
    assert rows("code") == set(re.findall(r'409,\s+"(\w+)"', source))


def test_the_numbers_of_the_reference_are_those_of_the_code() -> None:
    assert (breaker.FAILURES_TO_OPEN, breaker.FIRST_PAUSE_SECONDS, breaker.LONGEST_PAUSE_SECONDS) == (3, 5, 300)
    assert breaker.HANGS_SECONDS == 1
    assert (breaker.FIRST_ALLOWED, breaker.MOST_ALLOWED, breaker.ALLOWED_WHILE_SLOW) == (10, 50, 1)
    assert backoff.specified(attempts=3, unit_seconds=1).steps == (5, 15)
    assert (backoff.JITTER, backoff.PATIENCE_FACTOR, backoff.PATIENCE_SECONDS) == (0.2, 2, 60)
    assert steps.MOST_LOST == 10


def test_every_setting_of_the_reference_is_one_with_the_default_it_names() -> None:
    names = rows("variable")
    assert {name.lower() for name in names} <= Settings.model_fields.keys()
    assert {name for name in names if name.startswith(("WEBHOOK_", "EGRESS_", "SMTP_", "TWILIO_"))} == {
        name.upper() for name in Settings.model_fields if name.startswith(("webhook_", "egress_", "smtp_", "twilio_"))
    }
    for name, default in re.findall(r"^\| `([A-Z_]+)` \| `?([^`| ]+)`? \|", TEXT, re.MULTILINE):
        assert load(NEEDED | {name: default}) == load(NEEDED)


def test_the_behavior_of_the_reference_is_one() -> None:
    (written,) = re.findall(r"^```json behavior\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert Behavior.model_validate_json(written).retry_after == "120"
    assert rows("field") == Behavior.model_fields.keys() - {"path", "seconds", "status"}


@pytest.mark.parametrize("page", ["deliveries.md", "policies.md", "delivery-formats.md"])
def test_links_between_the_references_lead_somewhere(page: str) -> None:
    for file, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", (DOCS / page).read_text(encoding="utf-8")):
        headings = re.findall(r"^#+ (.+)$", (DOCS / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}
