"""The repository held against its own rules."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "layers/core/leadgen"


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize("path", python_files(CORE / "store"), ids=lambda path: path.name)
def test_a_store_function_runs_one_literal_statement(path: Path) -> None:
    for function in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)):
        statements = [
            call
            for call in ast.walk(function)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "execute"
        ]
        assert len(statements) <= 1, f"{function.name} runs {len(statements)} statements"
        # A function may run its caller's literal: the type checker holds the caller to it.
        literals = {arg.arg for arg in _arguments(function) if arg.annotation and "LiteralString" in _text(arg)}
        for call in statements:
            statement = call.args[0]
            is_literal = isinstance(statement, ast.Constant) or getattr(statement, "id", None) in literals
            assert is_literal, f"{function.name}: its statement is not a literal"


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.args, *function.args.kwonlyargs]


def _text(arg: ast.arg) -> str:
    return ast.unparse(arg.annotation) if arg.annotation else ""


MONEY = [
    CORE / "domain" / f"{name}.py"
    for name in ("pricing", "billing", "invoicing", "routing", "eligibility", "simulation")
]


@pytest.mark.parametrize("path", [*MONEY, CORE / "store/billing.py"], ids=lambda path: path.name)
def test_no_float_comes_near_money(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"line {node.lineno}"


NETWORK = {
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "httpx",
    "httpx2",
    "requests",
    "urllib3",
    "aiohttp",
    "smtplib",
    "asyncore",
    "dns",
    "boto3",
    "botocore",
    "twilio",
}
ALLOWED = {
    "adapters/egress.py": NETWORK,
    "adapters/smtp.py": {"smtplib", "socket", "ssl"},
    "adapters/bus.py": {"boto3"},
    "adapters/ses.py": {"boto3", "botocore"},
    "adapters/sms.py": {"twilio"},
    "adapters/twilio_calls.py": {"twilio"},
    "adapters/dns.py": {"dns"},
    "cli/receiver.py": {"http"},  # it is called, on 127.0.0.1, and calls nobody
}


@pytest.mark.parametrize("path", python_files(ROOT / "functions", CORE), ids=lambda path: str(path.relative_to(ROOT)))
def test_one_module_calls_out(path: Path) -> None:
    relative = str(path.relative_to(CORE)) if path.is_relative_to(CORE) else ""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    calling = {name for name in imported if name in NETWORK or name.partition(".")[0] in NETWORK}
    assert {name for name in calling if name.partition(".")[0] not in ALLOWED.get(relative, set())} == set()


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("requirements/*.txt")), ROOT / "layers/core/requirements.txt"])
def test_the_pinned_sets_name_no_index_and_carry_hashes(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", text)
    pins = re.findall(r"^([A-Za-z0-9._-]+)(\[.*?\])?==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
