"""The repository held against its own rules."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.repository.stores import is_of_store

ROOT = Path(__file__).parents[2]
CORE = ROOT / "layers/core/leadgen"


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize(
    "path",
    [path for path in python_files(CORE) if is_of_store(path.relative_to(CORE))],
    ids=lambda path: str(path.relative_to(CORE)),
)
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
    CORE / f"{name}.py"
    for name in (
        "routing/domain/pricing",
        "billing/domain/charges",
        "invoicing/domain",
        "billing/domain/documents",
        "routing/domain/decision",
        "routing/domain/eligibility",
        "simulation/domain/simulation",
    )
]


@pytest.mark.parametrize("path", [*MONEY, CORE / "billing/store/charges.py"], ids=lambda path: path.name)
def test_no_float_comes_near_money(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"line {node.lineno}"


# Whatever opens a connection, or a program that could.
NETWORK = {
    "socket", "_socket", "ssl", "_ssl", "http", "urllib.request", "urllib.robotparser", "smtplib", "ftplib", "imaplib",
    "poplib", "nntplib", "telnetlib", "xmlrpc", "socketserver", "asyncore", "asynchat", "wsgiref",
    "logging.handlers", "multiprocessing", "subprocess", "ctypes", "pty", "httpx", "httpx2", "httpcore", "requests",
    "urllib3", "aiohttp", "aiohttp_retry", "websocket", "websockets", "anyio", "trio", "pycurl", "paramiko", "redis",
    "grpc", "dns", "boto3", "botocore", "s3transfer", "twilio", "stripe",
}  # fmt: skip
ALLOWED = {
    "platform/egress/http_client.py": {"socket", "ssl", "http"},
    "platform/egress/connection.py": {"socket", "ssl"},
    "platform/egress/dns.py": {"dns"},
    "platform/mail/smtp.py": {"smtplib", "socket", "ssl", "create_connection"},
    "platform/mail/ses.py": {"boto3", "botocore"},
    "platform/messaging/bus.py": {"boto3", "botocore"},
    "platform/sms/sms.py": {"twilio"},
    "platform/sms/twilio_transport.py": {"twilio"},
    "payments/adapters/provider.py": {"stripe"},
    "payments/adapters/stripe_transport.py": {"stripe"},
    # It imports the one command that is called, by its name in the table of commands.
    "cli/pages.py": {"importlib", "import_module", "importlib.import_module"},
    "notifications/commands/receiver.py": {"http"},  # it is called, on 127.0.0.1, and calls nobody
}
# The same by a detour: what an import is not seen by, and what asyncio opens.
DETOURS = {
    "__import__", "import_module", "importlib", "exec", "eval", "modules", "system", "popen", "posix_spawn", "execv",
    "execve", "spawnv", "fork", "open_connection", "open_unix_connection", "create_connection", "sock_connect",
    "create_datagram_endpoint", "create_subprocess_exec", "create_subprocess_shell",
}  # fmt: skip
# What can be had of a module that imports it, too; ``dns`` is also a module of ours.
BORROWED = DETOURS | set().union(*ALLOWED.values()) - {"dns"}


def calling_out(source: str, relative: str) -> set[str]:
    """The names in the source that can make a call and that this file may not use."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
                found |= {alias.name for alias in node.names} & BORROWED
            case ast.Attribute():
                found |= {node.attr} & BORROWED
            case ast.Name():
                found |= {node.id} & DETOURS
    tops = {name: name.partition(".")[0] for name in found}
    allowed = ALLOWED.get(relative, set())
    return {name for name, top in tops.items() if {name, top} & (NETWORK | DETOURS) and top not in allowed}


def _relative(path: Path) -> str:
    return str(path.relative_to(CORE)) if path.is_relative_to(CORE) else ""


@pytest.mark.parametrize("path", python_files(ROOT / "functions", CORE), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_egress_client_calls_out(path: Path) -> None:
    assert calling_out(path.read_text(), _relative(path)) == set()


def test_only_the_egress_client_uses_its_wire() -> None:
    users = [
        path.name for path in python_files(ROOT / "functions", CORE)
        if re.search(r"egress(\.connection| import .*\bconnection\b)", path.read_text())
    ]  # fmt: skip
    assert users == ["http_client.py"]


@pytest.mark.parametrize(
    "source",
    [
        "import socket", "import http.client", "import urllib.request", "from urllib import request",
        "from urllib.request import urlopen", "def f():\n    import requests", "import asyncio.subprocess, ssl as s",
        "import boto3", "from botocore.config import Config", "from twilio.rest import Client", "import aiohttp",
        "import stripe",
        "__import__('socket')", "import importlib", "from importlib import import_module", "sys.modules['socket']",
        "from sys import modules", "exec('import socket')", "from leadgen.platform.egress.connection import socket",
        "egress.socket.create_connection(x)", "os.system('curl x')", "asyncio.open_connection('x', 1)",
        "from asyncio import open_connection", "import dns.resolver", "import subprocess", "import logging.handlers",
        "from logging import handlers",
    ],
)  # fmt: skip
def test_a_call_that_leaves_is_seen_in_the_source(source: str) -> None:
    assert calling_out(source, "routing/service/example.py") != set()
    assert calling_out(source, "platform/db.py") != set()


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("requirements/*.txt")), ROOT / "layers/core/requirements.txt"])
def test_the_pinned_sets_name_no_index_and_carry_hashes(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", text)
    pins = re.findall(r"^([A-Za-z0-9._-]+)(\[.*?\])?==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
