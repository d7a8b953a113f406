"""docker-compose.yml, as far as it can be checked where no Docker is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.template.cloudformation import ROOT

COMPOSE = ROOT / "docker-compose.yml"


def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return loaded


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_follows_the_compose_specification() -> None:
    result = lint(COMPOSE)
    assert result.returncode == 0, result.stdout


def test_a_misspelt_key_would_be_found(tmp_path: Path) -> None:
    planted = tmp_path / "docker-compose.yml"
    planted.write_text(COMPOSE.read_text().replace("depends_on:", "depend_on:"))
    assert lint(planted).returncode != 0


def test_images_are_pinned_and_ports_are_open_to_this_machine_only() -> None:
    images = [service["image"] for service in services().values() if "image" in service]
    assert all(":" in image and not image.endswith(":latest") for image in images)
    assert all(port.startswith("127.0.0.1:") for service in services().values() for port in service.get("ports", []))


def test_postgres_is_the_one_of_the_specification() -> None:
    postgres = services()["postgres"]
    assert postgres["image"] == "postgres:15-alpine"
    assert postgres["command"].split() == [
        "postgres",
        *("-c", "shared_preload_libraries=pg_stat_statements"),
        *("-c", "pg_stat_statements.track=all"),
        *("-c", "max_connections=200"),
        *("-c", "shared_buffers=256MB"),
    ]


def test_what_the_image_copies_is_there() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied
    assert all((ROOT / path).exists() for path in copied)


def test_the_stack_applies_the_files_that_are_named_and_without_any_nothing() -> None:
    stack = services()["stack"]
    assert stack["command"] == "python -m leadgen_local ${FILES:-}"
    assert "DATABASE_URL" in stack["environment"]  # with it, a stack without files applies nothing


def test_the_emulator_is_started_only_when_asked_for() -> None:
    assert {name: service["profiles"] for name, service in services().items() if "profiles" in service} == {
        "aws": ["aws"]
    }
    assert services()["aws"]["ports"] == ["127.0.0.1:4566:4566"]
