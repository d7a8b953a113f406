"""The places of this checkout's files that the embedded stack reads."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
MIGRATIONS = ROOT / "sql" / "migrations"
EXAMPLES = ROOT / "examples"
EXAMPLE_LEADS = EXAMPLES / "leads.jsonl"
