"""Every path that a page names is there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# A page may write a path from the repository, from the package, or from its own folder.
CORE = ROOT / "layers/core/leadgen"
ROOMS = {"domain", "store", "adapters", "service", "routes", "commands"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_of_a_page_exists(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    quoted = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", text)
    named = {
        path
        for path in quoted
        if not path.startswith(".local/")  # the running stack's own
        and (
            re.fullmatch(r"[\w./-]+/[\w.-]+\.(py|md|yaml|yml|json|jsonl|sql|toml)", path)
            or path.partition("/")[0] in {"functions", "layers", "local", "tests", "docs", "sql", "events", "examples"}
            or ("/" in path and path.partition("/")[2].partition("/")[0] in ROOMS)
        )
    }
    linked = set(re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", text))
    missing = [path for path in named if not any((root / path).exists() for root in (ROOT, CORE, page.parent))]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_has_one(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([^)#:]*)#([\w-]+)\)", page.read_text(encoding="utf-8")):
        target = (page.parent / file if file else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_map_of_the_architecture_is_the_order_that_is_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    order = next(contract["layers"] for contract in contracts if contract["name"].startswith("capabilities stand"))
    (drawn,) = re.findall(r"^```capabilities\n(.*?)^```", (ROOT / "docs/architecture.md").read_text(), re.M | re.S)
    rows = [re.split(r"\s{2,}", line)[0] for line in drawn.splitlines()]
    assert rows == [layer.replace("leadgen.", "") for layer in order]


def test_every_capability_is_on_the_map_and_says_what_it_is() -> None:
    (drawn,) = re.findall(r"^```capabilities\n(.*?)^```", (ROOT / "docs/architecture.md").read_text(), re.M | re.S)
    named = {name for line in drawn.splitlines() for name in re.split(r"\s{2,}", line)[0].split(" | ")}
    folders = {path.parent.name for path in CORE.glob("*/__init__.py")}
    assert named - {"functions", "leadgen_local"} == folders
    assert all((CORE / name / "__init__.py").read_text().startswith('"""') for name in folders)
