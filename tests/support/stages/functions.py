"""The functions as the embedded stack runs them, in the test's own thread."""

import importlib
import os
from functools import cache
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.testclient import TestClient

from leadgen_local.queues.pump import Pump
from leadgen_local.template import reader
from leadgen_local.template.reader import Template


@cache
def _template(path: Path) -> Template:
    # Frozen, and a fifth of a second to read.
    return reader.load(path)


class Functions:
    """Every function of the template, loaded from its folder."""

    def __init__(self, root: Path) -> None:
        self.template = _template(root / "template.yaml")

    def module(self, name: str) -> Any:
        """A function's handler module, by its folder's name."""
        return importlib.import_module(f"functions.{name}.handler")

    def client(self, name: str = "ingest", host: str = "api.example.com") -> TestClient:
        """An HTTP client of one of the two HTTP functions."""
        app = cast(FastAPI, self.module(name).app)
        return TestClient(app, base_url=f"http://{host}", raise_server_exceptions=False)

    def drain(self) -> int:
        """Work every queue off, along the template's mappings."""
        invokers = {mapping.function: self._invoker(mapping.function) for mapping in self.template.mappings}
        return Pump(self.template, os.environ["DATABASE_URL"], invokers).drain()

    def _invoker(self, function: str) -> Any:
        folder = self.template.functions[function].code.name
        handler = self.module(folder).handler
        return lambda event: handler(event, None)
