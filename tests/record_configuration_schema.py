"""The recorded JSON Schema of configuration files. ``python -m tests.record_configuration_schema`` writes it anew."""

from pathlib import Path

from leadgen.configuration.domain import json_schema

RECORD = Path(__file__).parents[1] / "docs" / "configuration.schema.json"

if __name__ == "__main__":
    RECORD.write_text(json_schema.text(), encoding="utf-8")
