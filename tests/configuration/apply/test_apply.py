"""Applying configuration to a real database: what is created, kept, changed and ended."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.configuration.service.apply import application, apply_files
from leadgen.configuration.service.changes import Change
from tests.support.configurations import SOUND, changed, written
from tests.support.factories import prepaid

CONFIGURED = (
    "markets", "verticals", "validation_policies", "routing_policies", "offers", "sources", "buyers", "wallets",
    "buyer_offers", "buyer_service_areas", "offer_exclusivities", "audit_logs",
)  # fmt: skip
EXAMPLES = Path(__file__).parents[3] / "examples"


def apply(conn: Connection[Any], folder: Path, text: str = SOUND, **environ: str) -> list[Change]:
    return apply_files(conn, [written(folder, text)], environ)


def became(changes: Sequence[Change], outcome: str) -> list[tuple[str, str, str]]:
    return [(change.kind, change.name, change.detail) for change in changes if change.outcome == outcome]


def fields(changes: Sequence[Change]) -> list[tuple[str, str, list[str]]]:
    """The objects that changed, and how their fields did."""
    return [
        (change.kind, change.name, [str(difference) for difference in change.differences])
        for change in changes
        if change.outcome in ("updated", "new version")
    ]


def rows(conn: Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query.encode()).fetchall()


def versions_of_rows(conn: Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the configuration with the transaction that wrote it."""
    return {table: rows(conn, f"SELECT xmin::text, t::text FROM {table} t ORDER BY 2") for table in CONFIGURED}


def test_one_file_creates_everything_it_names(conn: Connection[Any], tmp_path: Path) -> None:
    changes = apply(conn, tmp_path)
    assert {change.outcome for change in changes} == {"created"}
    assert rows(conn, "SELECT name, country_code, timezone, currency FROM markets") == [
        ("Springfield", "US", "America/Denver", "USD")
    ]
    assert rows(
        conn,
        "SELECT o.name, default_price_per_lead, v.name, v.version, r.name FROM offers o "
        "JOIN validation_policies v ON v.id = validation_policy_id JOIN routing_policies r ON r.id = routing_policy_id",
    ) == [("Lawns", Decimal("45.10"), "lawn rules", 1, "lawn routing")]
    assert rows(
        conn, "SELECT source_key, kind, hostname, path_prefix, api_key_hash IS NULL FROM sources ORDER BY id"
    ) == [
        ("lawns-web", "landing_page", "lawns.example.com", "/lp/", True),
        ("lawns-partner", "partner_api", None, None, False),
    ]
    assert rows(
        conn,
        "SELECT b.name, routing_priority, price_per_lead, capacity_per_day, b.currency, w.balance FROM buyer_offers "
        "JOIN buyers b ON b.id = buyer_id JOIN wallets w USING (buyer_id) ORDER BY b.id",
    ) == [
        ("Green Gardens", 20, Decimal("50.00"), 3, "USD", Decimal("100.00")),
        ("Blue Gardens", 1, None, None, "USD", Decimal("0.00")),
    ]
    assert rows(
        conn,
        "SELECT name, scope_type, scope_value FROM buyer_service_areas JOIN buyers b ON b.id = buyer_id ORDER BY 1, 3",
    ) == [
        ("Blue Gardens", "postal_code", "80014"),
        ("Green Gardens", "postal_code", "07030"),
        ("Green Gardens", "postal_code", "80014"),
        ("Green Gardens", "city", "Aurora"),
    ]
    assert rows(
        conn, "SELECT scope_type, scope_value, b.name FROM offer_exclusivities JOIN buyers b ON b.id = buyer_id"
    ) == [("postal_code", "07030", "Green Gardens")]


def test_policies_are_stored_as_written(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    assert rows(conn, "SELECT rules FROM validation_policies") == [({"allowed_postal_codes": ["07030", "80014"]},)]
    assert rows(conn, "SELECT config FROM routing_policies") == [({"strategy": "priority_based"},)]


def test_applying_again_writes_no_row(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    before = versions_of_rows(conn)
    changes = apply(conn, tmp_path)
    assert {change.outcome for change in changes} == {"unchanged"}
    assert versions_of_rows(conn) == before


def test_a_changed_policy_is_its_next_version_and_the_offer_points_to_it(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    changes = apply(conn, tmp_path, changed(("[07030, 80014]\n    routing", "[80014]\n    routing")))
    assert became(changes, "new version") == [("validation policy", "lawn rules", "version 2")]
    assert fields(changes) == [
        ("validation policy", "lawn rules", ["allowed_postal_codes: −07030"]),
        ("offer", "Lawns, Springfield", ["validation_policy: lawn rules version 1 → lawn rules version 2"]),
    ]
    assert rows(conn, "SELECT version, rules->'allowed_postal_codes' FROM validation_policies ORDER BY version") == [
        (1, ["07030", "80014"]),
        (2, ["80014"]),
    ]
    assert rows(conn, "SELECT v.version FROM offers JOIN validation_policies v ON v.id = validation_policy_id") == [
        (2,)
    ]
    assert rows(conn, "SELECT version FROM routing_policies") == [(1,)]


def test_what_a_file_names_no_more_becomes_inactive_and_active_again_when_named(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply(conn, tmp_path)
    lessened = changed(
        ("      - source_key: lawns-partner\n", ""),
        ("        kind: partner_api\n        name: Lawn partner\n", ""),
        ("        api_key: ${LAWN_KEY:-a-key-of-the-partner}\n", ""),
        ("    exclusivities:\n      - postal_code: 07030\n        buyer: green@example.com\n", ""),
        ("      cities: [Aurora]\n", ""),
        ("      postal_codes: [80014]\n    offers:\n      - offer: Lawns\n", "      postal_codes: [80014]\n"),
    )
    changes = apply(conn, tmp_path, lessened)
    assert became(changes, "deactivated") == [
        ("source", "lawns-partner", ""),
        ("enrollment", "Blue Gardens", ""),
        ("exclusivity", "07030", ""),
    ]
    assert fields(changes) == [("service areas", "Green Gardens in Springfield", ["cities: −Aurora"])]
    inactive = {
        table: rows(conn, f"SELECT id FROM {table} WHERE NOT is_active")
        for table in ("sources", "buyer_offers", "buyer_service_areas", "offer_exclusivities")
    }
    assert all(len(found) == 1 for found in inactive.values())
    assert len(became(apply(conn, tmp_path), "updated")) == 4
    assert all(rows(conn, f"SELECT id FROM {table} WHERE NOT is_active") == [] for table in inactive)


def test_another_markets_file_ends_nothing_of_the_first(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    other = changed(
        ("name: Springfield", "name: Shelbyville"),
        ("source_key: lawns-web", "source_key: shelbyville-web"),
        ("source_key: lawns-partner", "source_key: shelbyville-partner"),
        ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
    )
    changes = apply(conn, tmp_path, other)
    assert became(changes, "deactivated") == []
    assert became(changes, "updated") == []
    assert rows(conn, "SELECT count(*) FROM sources WHERE is_active") == [(4,)]
    assert rows(conn, "SELECT count(*) FROM buyer_service_areas WHERE is_active") == [(8,)]


def test_a_source_moves_between_offers_that_are_applied_together(conn: Connection[Any], tmp_path: Path) -> None:
    second = """
  - name: Hedges
    price: 30
    validation_policy: {name: lawn rules, rules: {allowed_postal_codes: [07030, 80014]}}
    routing_policy: {name: lawn routing, config: {strategy: priority_based}}
    sources:
"""
    apply(conn, tmp_path, changed(("buyers:\n", f"{second[1:]}buyers:\n")))
    moved = changed(("      - source_key: lawns-partner\n", f"{second[1:]}      - source_key: lawns-partner\n"))
    exclusivity = "    exclusivities:\n      - postal_code: 07030\n        buyer: green@example.com\n"
    changes = apply(conn, tmp_path, changed((exclusivity, ""), text=moved))
    assert ("source", "lawns-partner", ["offer: Lawns, Springfield → Hedges, Springfield"]) in fields(changes)
    assert rows(
        conn,
        "SELECT s.is_active, o.name FROM sources s JOIN offers o ON o.id = offer_id WHERE source_key = 'lawns-partner'",
    ) == [(True, "Hedges")]


def test_of_an_api_key_only_the_hash_is_stored(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path, LAWN_KEY="the-partners-real-key")
    assert rows(conn, "SELECT api_key_hash FROM sources WHERE source_key = 'lawns-partner'") == [
        (hashlib.sha256(b"the-partners-real-key").hexdigest(),)
    ]


OPENINGS = (
    "SELECT idempotency_key, actor, debit, credit, amount FROM ledger_transactions t "
    "JOIN ledger_entries e ON e.transaction_id = t.id WHERE t.kind = 'opening'"
)
WALLETS = "SELECT balance FROM wallets ORDER BY buyer_id"


def test_a_wallet_is_opened_once_and_never_refilled(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path, LEADGEN_ACTOR="ann")
    green = rows(conn, "SELECT id FROM buyers ORDER BY id")[0][0]
    opening = (f"opening_wallet:{green}", "ann", "opening", "wallet", Decimal("100.00"))
    assert rows(conn, OPENINGS) == [opening]
    richer = apply(conn, tmp_path, changed(("balance: 100", "balance: 900")))
    assert {change.outcome for change in richer} == {"unchanged"}
    assert rows(conn, OPENINGS) == [opening]
    assert rows(conn, WALLETS) == [(Decimal("100.00"),), (Decimal(0),)]
    later = changed(("phone: +1 303-555-0101", "phone: +1 303-555-0101\n    opening_wallet_balance: 7"))
    assert became(apply(conn, tmp_path, later), "created") == [("wallet", "Blue Gardens", "with 7.00")]
    assert rows(conn, WALLETS) == [(Decimal("100.00"),), (Decimal("7.00"),)]


def test_a_wallet_that_money_went_through_is_not_opened(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    blue = rows(conn, "SELECT id FROM buyers ORDER BY id")[1][0]
    prepaid(conn, blue, "12.50")
    later = changed(("phone: +1 303-555-0101", "phone: +1 303-555-0101\n    opening_wallet_balance: 7"))
    assert {change.outcome for change in apply(conn, tmp_path, later)} == {"unchanged"}
    assert rows(conn, WALLETS) == [(Decimal("100.00"),), (Decimal("12.50"),)]


def test_a_wallet_opened_with_nothing_moves_nothing(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path, changed(("balance: 100", "balance: 0")))
    assert rows(conn, "SELECT id FROM ledger_transactions") == []
    assert became(apply(conn, tmp_path), "created") == [("wallet", "Green Gardens", "with 100.00")]


def test_a_plan_posts_nothing(conn: Connection[Any], tmp_path: Path) -> None:
    application(conn, [written(tmp_path)], {}, plan=True)
    assert rows(conn, "SELECT id FROM ledger_transactions") == []


@pytest.mark.parametrize(("environ", "threshold"), [({}, "500.00"), ({"DEFAULT_INVOICE_THRESHOLD": "80"}, "80.00")])
def test_an_offer_without_a_threshold_has_the_platforms(
    conn: Connection[Any], tmp_path: Path, environ: dict[str, str], threshold: str
) -> None:
    apply(conn, tmp_path, **environ)
    assert rows(conn, "SELECT invoice_threshold FROM offers") == [(Decimal(threshold),)]


def test_money_that_is_owed_and_reserved_is_left_alone(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    conn.execute("UPDATE buyers SET balance = 90, pending_amount = 45")
    apply(conn, tmp_path, changed(("name: Blue Gardens", "name: Bluer Gardens")))
    assert rows(conn, "SELECT DISTINCT balance, pending_amount FROM buyers") == [(Decimal("90.00"), Decimal("45.00"))]


def test_every_change_is_in_the_audit_trail_without_secrets(conn: Connection[Any], tmp_path: Path) -> None:
    created = apply(conn, tmp_path)
    assert rows(conn, "SELECT DISTINCT action FROM audit_logs") == [("configuration.created",)]
    assert rows(conn, "SELECT count(*) FROM audit_logs") == [(len(created),)]
    changes = apply(
        conn,
        tmp_path,
        changed(("phone: +1 303-555-0101", "phone: +1 303-555-0199"), ("secret-of-green", "new-secret-of-green")),
        LAWN_KEY="another-key-of-the-partner",
    )
    assert fields(changes) == [
        ("buyer", "Green Gardens", ["webhook_secret: set → replaced"]),
        ("buyer", "Blue Gardens", ["phone: +1 303-555-0101 → +1 303-555-0199"]),
        ("source", "lawns-partner", ["api_key: set → replaced"]),
    ]
    assert rows(
        conn,
        "SELECT resource_type, before_state->>'phone', after_state->>'phone', after_state->>'webhook_secret', "
        "after_state->>'api_key' FROM audit_logs WHERE action = 'configuration.updated' ORDER BY id",
    ) == [
        ("buyer", "+1 303-555-0100", "+1 303-555-0100", "replaced", None),
        ("buyer", "+1 303-555-0101", "+1 303-555-0199", None, None),
        ("source", None, None, None, "replaced"),
    ]
    trail = str(rows(conn, "SELECT a::text FROM audit_logs a"))
    assert "secret-of-green" not in trail
    assert hashlib.sha256(b"another-key-of-the-partner").hexdigest() not in trail


def test_thousands_of_postal_codes_are_one_service_area(conn: Connection[Any], tmp_path: Path) -> None:
    codes = ", ".join(f"{code:05d}" for code in range(2000))
    changes = apply(conn, tmp_path, changed(("postal_codes: [80014]", f"postal_codes: [{codes}]")))
    assert ("service areas", "Blue Gardens in Springfield", "with 2000 places") in became(changes, "created")
    assert rows(conn, "SELECT count(*) FROM buyer_service_areas WHERE scope_value < '02000'") == [(2000,)]


def test_two_applications_at_once_create_everything_once(
    conn: Connection[Any], database_url: str, tmp_path: Path
) -> None:
    path = written(tmp_path)

    def once(_: int) -> list[Change]:
        with psycopg.connect(database_url, autocommit=True) as own:
            return apply_files(own, [path], {})

    with ThreadPoolExecutor(2) as pool:
        outcomes = [{change.outcome for change in changes} for changes in pool.map(once, range(2))]
    assert sorted(outcomes, key=str) == [{"created"}, {"unchanged"}]


def test_the_examples_apply_together_and_again(conn: Connection[Any]) -> None:
    paths = sorted(EXAMPLES.glob("*.yaml"))
    assert {change.outcome for change in apply_files(conn, paths, {})} == {"created"}
    assert {change.outcome for change in apply_files(conn, paths, {})} == {"unchanged"}


def test_an_exclusive_place_may_be_spelt_otherwise(conn: Connection[Any], tmp_path: Path) -> None:
    for city in ("Aurora", "AURORA", "Aurora"):
        text = changed(("- postal_code: 07030\n        buyer", f"- city: {city}\n        buyer"))
        apply_files(conn, [written(tmp_path, text)], {})
        active = conn.execute("SELECT scope_value FROM offer_exclusivities WHERE is_active").fetchall()
        assert active == [(city,)]
