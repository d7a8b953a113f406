"""Where the parts of this checkout lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
MIGRATIONS = ROOT / "sql" / "migrations"
EXAMPLES = ROOT / "examples"
