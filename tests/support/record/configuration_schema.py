"""The recorded JSON Schema of configuration files. ``make schema`` writes it anew."""

from pathlib import Path

from leadgen.configuration.domain import json_schema

RECORD = Path(__file__).parents[3] / "docs" / "configuration.schema.json"

if __name__ == "__main__":
    RECORD.write_text(json_schema.text(), encoding="utf-8")
