"""Weights: by e-mail address in files, by buyer id where they are stored, and only for buyers who are enrolled."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen.configuration.service import export
from leadgen.configuration.service.apply import ConfigurationInvalid, application, apply_files
from tests.support.configurations import changed, written


def weighted(weights: str, *edits: tuple[str, str]) -> str:
    return changed(("strategy: priority_based", f"strategy: weighted\n        weights:\n          {weights}"), *edits)


def elsewhere(text: str) -> str:
    return changed(
        ("name: Springfield", "name: Shelbyville"),
        ("source_key: lawns-web", "source_key: shelbyville-web"),
        ("source_key: lawns-partner", "source_key: shelbyville-partner"),
        ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
        text=text,
    )


def refused(conn: Connection[Any], path: Path) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as refusal:
        apply_files(conn, [path], {})
    return [f"{problem.line}: {problem.field}: {problem.message}" for problem in refusal.value.problems]


def test_weights_are_stored_by_id_and_exported_by_address(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path, weighted("green@example.com: 3\n          Blue@Example.com: 1"))], {})
    ids = dict(conn.execute("SELECT email, id FROM buyers").fetchall())
    ((config,),) = conn.execute("SELECT config FROM routing_policies").fetchall()
    assert config == {
        "strategy": "weighted",
        "weights": {str(ids["green@example.com"]): 3, str(ids["blue@example.com"]): 1},
    }
    (file,) = export.files(conn)
    assert file.plain()["content"]["offers"][0]["routing_policy"]["config"]["weights"] == {
        "green@example.com": 3,
        "blue@example.com": 1,
    }
    changes = apply_files(conn, [written(tmp_path, weighted("green@example.com: 5"))], {})
    assert [str(d) for c in changes if c.kind == "routing policy" for d in c.differences] == [
        "weights.green@example.com: 3 → 5",
        "weights.blue@example.com: 1 → nothing",
    ]


def test_a_weight_for_a_stranger_is_refused(conn: Connection[Any], tmp_path: Path) -> None:
    stranger = (
        "is enrolled in no offer that uses the policy 'lawn routing'; there are blue@example.com, green@example.com"
    )
    assert refused(conn, written(tmp_path, weighted("red@example.com: 3"))) == [
        f"19: offers[0].routing_policy.config.weights.red@example.com: red@example.com {stranger}"
    ]
    assert conn.execute("SELECT count(*) FROM markets").fetchone() == (0,)


def test_a_weight_for_a_buyer_of_another_offer_is_refused(conn: Connection[Any], tmp_path: Path) -> None:
    text = weighted(
        "blue@example.com: 3",
        ("      postal_codes: [80014]\n    offers:\n      - offer: Lawns\n", "      cities: [Rome]\n"),
    )
    assert len(refused(conn, written(tmp_path, text))) == 1


def test_a_buyer_has_one_weight_whatever_its_capitals(conn: Connection[Any], tmp_path: Path) -> None:
    text = weighted("blue@example.com: 3\n          BLUE@example.com: 4")
    assert refused(conn, written(tmp_path, text)) == [
        "20: offers[0].routing_policy.config.weights.BLUE@example.com: blue@example.com has a weight already"
    ]


def test_weights_may_name_the_buyers_of_another_market_that_uses_the_policy(
    conn: Connection[Any], tmp_path: Path
) -> None:
    here = weighted("blue@example.com: 3\n          red@example.com: 2")
    there = changed(("email: blue@example.com", "email: red@example.com"), text=elsewhere(here))
    assert len(refused(conn, written(tmp_path, here))) == 1
    paths = [written(tmp_path, here), written(tmp_path, there, "there.yaml")]
    apply_files(conn, paths, {})
    assert not application(conn, paths[:1], {}, plan=True).has_changes
    assert not application(conn, paths[1:], {}, plan=True).has_changes
