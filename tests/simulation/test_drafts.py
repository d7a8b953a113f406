"""Draft files: what they draft, and what is told of those that cannot be simulated."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen.configuration.service.apply import ConfigurationInvalid, apply_files
from leadgen.routing.domain.policy import PriorityBased, RoutingPolicy, Weighted
from leadgen.simulation.service import drafts
from tests.support.configurations import SOUND, changed, written

DRAFT = """\
offer: Lawns
market: Springfield
routing_policy:
  strategy: weighted
  weights:
    green@example.com: 3
    BLUE@example.com : 2
"""


@pytest.fixture
def springfield(conn: Connection[Any], tmp_path: Path) -> None:
    """The offer Lawns of the market Springfield, with its two buyers."""
    apply_files(conn, [written(tmp_path)], {})


def draft(conn: Connection[Any], folder: Path, text: str) -> drafts.OfferDraft:
    (found,) = drafts.read(conn, written(folder, text, "draft.yaml"), {})
    return found


def problems(conn: Connection[Any], folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as refused:
        drafts.read(conn, written(folder, text, "draft.yaml"), {})
    return [str(problem).removeprefix(f"{folder}/") for problem in refused.value.problems]


def weighted(policy: RoutingPolicy | None) -> dict[str, int]:
    assert isinstance(policy, Weighted)
    return policy.weights


@pytest.mark.usefixtures("springfield")
def test_weights_by_address_become_weights_by_id(conn: Connection[Any], tmp_path: Path) -> None:
    ids = dict(conn.execute("SELECT email, id::text FROM buyers").fetchall())
    found = draft(conn, tmp_path, DRAFT)
    assert weighted(found.routing) == {ids["green@example.com"]: 3, ids["blue@example.com"]: 2}
    assert found.validation is None


@pytest.mark.usefixtures("springfield")
def test_an_offer_that_one_market_has_needs_no_market(conn: Connection[Any], tmp_path: Path) -> None:
    text = changed(("market: Springfield\n", ""), text=DRAFT)
    assert draft(conn, tmp_path, text).offer.market == "Springfield"
    other = (
        SOUND.replace("Springfield", "Shelbyville")
        .replace("lawns-web", "sh-web")
        .replace("lawns-partner", "sh-partner")
    )
    other = other.replace("lawns.example.com", "sh.example.com")
    apply_files(conn, [written(tmp_path, other, "shelbyville.yaml")], {})
    assert problems(conn, tmp_path, text) == [
        "draft.yaml:1: offer: several markets have it: add market, one of 'Shelbyville', 'Springfield'"
    ]
    assert draft(conn, tmp_path, DRAFT).offer.market == "Springfield"


@pytest.mark.usefixtures("springfield")
def test_a_whole_configuration_drafts_the_policies_of_its_offers(conn: Connection[Any], tmp_path: Path) -> None:
    found = draft(conn, tmp_path, changed(("strategy: priority_based", "strategy: priority_based\n        unrouted: "
                                           "{action: reject}")))  # fmt: skip
    assert isinstance(found.routing, PriorityBased)
    assert found.routing.unrouted.action == "reject"
    assert found.validation is not None
    assert found.validation.allowed_postal_codes == ("07030", "80014")


@pytest.mark.usefixtures("springfield")
@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("offer: Lawns", "offer: Trees"), ["draft.yaml:1: offer: is no offer of the database; there are 'Lawns'"]),
        (
            ("market: Springfield", "market: Shelbyville"),
            ["draft.yaml:2: market: has no offer 'Lawns'; it is in 'Springfield'"],
        ),
        (
            ("green@example.com: 3\n    BLUE@example.com : 2", "red@example.com: 3\n    grey@example.com: 1"),
            [
                f"draft.yaml:{line}: routing_policy.weights.{email}: is no buyer enrolled in 'Lawns'; "
                "there are 'blue@example.com', 'green@example.com'"
                for line, email in ((6, "red@example.com"), (7, "grey@example.com"))
            ],
        ),
        (("offer: Lawns\n", ""), ["draft.yaml:1: offer: is missing"]),
        (
            ("offer: Lawns\n", "offer: Lawns\nprice: 3\n"),
            [
                "draft.yaml:2: price: is no field here; there are offer, market, routing_policy, validation_policy",
            ],
        ),
    ],
    ids=["unknown offer", "unknown market", "strangers", "no offer", "unknown field"],
)
def test_a_faulty_draft_is_told_with_line_and_field(
    conn: Connection[Any], tmp_path: Path, edit: tuple[str, str], told: list[str]
) -> None:
    assert problems(conn, tmp_path, changed(edit, text=DRAFT)) == told


@pytest.mark.usefixtures("springfield")
@pytest.mark.parametrize(
    ("policy", "inner"),
    [
        ("routing_policy: {name: R, config: {strategy: round_robin}}", "config"),
        ("validation_policy: {rules: {}}", "rules"),
    ],
)
def test_a_policy_copied_with_its_frame_is_told_to_stand_alone(
    conn: Connection[Any], tmp_path: Path, policy: str, inner: str
) -> None:
    assert problems(conn, tmp_path, f"offer: Lawns\n{policy}\n") == [
        f"draft.yaml:2: {policy.partition(':')[0]}: in a draft, what a configuration file has under {inner} stands "
        "here at once"
    ]


@pytest.mark.usefixtures("springfield")
def test_a_draft_of_nothing_is_refused(conn: Connection[Any], tmp_path: Path) -> None:
    assert problems(conn, tmp_path, "offer: Lawns\n") == ["draft.yaml:1: needs routing_policy or validation_policy"]


def test_a_file_that_is_not_there_is_told(conn: Connection[Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"none\.yaml:1: cannot be read"):
        drafts.read(conn, tmp_path / "none.yaml", {})
