"""The page about what follows a sale says what the code does."""

import json
import re
from pathlib import Path

from leadgen.payments.domain.payments import METHODS
from leadgen.receivables.domain import credit_notes
from leadgen.receivables.domain.settlement import DISPUTE_OUTCOMES
from leadgen.returns.domain import policy as returns_policy
from leadgen.returns.domain import rules

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "after-the-sale.md").read_text(encoding="utf-8")


def test_the_policy_of_the_page_parses() -> None:
    (example,) = re.findall(r"^```json\n(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL)
    policy = returns_policy.parse(json.loads(example)["returns"], label="the page")
    assert policy.quota is not None


def test_reasons_methods_and_outcomes_are_those_that_there_are() -> None:
    assert f"`{' '.join(rules.REASONS)}`" in TEXT
    own = [reason for reason in credit_notes.REASONS if reason not in rules.REASONS]
    assert ", ".join(f"`{reason}`" for reason in own) in TEXT
    for name in (*METHODS, *DISPUTE_OUTCOMES):
        assert f"`{name}`" in TEXT


def test_the_paths_of_the_page_are_served() -> None:
    named = re.findall(r"`(GET|POST) (/api/[^`?]*)", TEXT)
    core = ROOT / "layers/core/leadgen"
    routes = [file for file in core.rglob("*.py") if "routes" in (file.stem, file.parent.name)]
    served = re.findall(r'@router\.(get|post)\("([^"]*)"', "".join(file.read_text() for file in routes))
    patterns = [(method.upper(), re.compile(re.sub(r"\\?\{.*?\}", "[0-9]+", path))) for method, path in served]
    assert len(named) >= 15
    for method, path in named:
        tail = path.removeprefix("/api")
        assert any(verb == method and pattern.fullmatch(tail) for verb, pattern in patterns), path
