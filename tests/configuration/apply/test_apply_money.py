"""Applying what files say about money to a real database: kept, changed, taken back, and read by those who use it."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.billing.domain import earnings
from leadgen.billing.domain import terms as billing_terms
from leadgen.billing.domain.earnings import Share
from leadgen.buyers import store as buyers_store
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import ConfigurationInvalid, application, apply_files
from leadgen.configuration.service.changes import Change
from leadgen.configuration.service.rollback import rollback
from leadgen.returns.domain import policy
from tests.support.configurations import SOUND, changed, written
from tests.support.factories import a_lead, prepaid

MONEY = changed(
    (
        "vertical:\n",
        "seller:\n  legal_name: Leads Inc.\n  tax_id: 12-3456789\n  terms_days: 30\n"
        "publishers:\n  - name: Home Pages\n    email: owner@example.com\n    timezone: America/Denver\nvertical:\n",
    ),
    ("        path_prefix: /lp/\n", "        publisher: Home Pages\n        earning: {type: share, value: 12.5}\n"),
    ("price: 45.10\n", "price: 45.10\n    returns: {reasons: [duplicate, other], auto_approve: [duplicate]}\n"),
    (
        "opening_wallet_balance: 100\n",
        "billing:\n      legal_name: Green Gardens LLC\n      tax: {name: Sales tax, rate: 8.25}\n"
        "      auto_top_up: {below: 50, amount: 200.50}\n",
    ),
    ("capacity_per_day: 3", "returns: {window_hours: 24, reasons: [other]}"),
)
ELSEWHERE = (
    ("name: Springfield", "name: Shelbyville"),
    ("source_key: lawns-web", "source_key: shelbyville-web"),
    ("source_key: lawns-partner", "source_key: shelbyville-partner"),
    ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
)
ABROAD = ("timezone: America/Denver\nseller", "timezone: Europe/Berlin\n  currency: EUR\nseller")


def apply(conn: Connection[Any], folder: Path, text: str = MONEY, name: str = "springfield.yaml") -> list[Change]:
    return apply_files(conn, [written(folder, text, name)], {})


def one(conn: Connection[Any], query: str) -> Any:
    (row,) = conn.execute(query.encode()).fetchall()
    return row[0]


def refused(conn: Connection[Any], path: Path) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as refusal:
        apply_files(conn, [path], {})
    return [f"{problem.line}: {problem.field}: {problem.message}" for problem in refusal.value.problems]


def contents(conn: Connection[Any]) -> list[dict[str, Any]]:
    return [file.plain()["content"] for file in export.files(conn)]


def fields(changes: list[Change]) -> list[tuple[str, str, list[str]]]:
    return [
        (change.kind, change.name, [str(difference) for difference in change.differences])
        for change in changes
        if change.outcome != "unchanged"
    ]


def test_what_is_applied_is_what_the_stages_read(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    seller = billing_terms.parse_seller(one(conn, "SELECT details FROM seller"))
    assert (seller.legal_name, seller.terms_days) == ("Leads Inc.", 30)
    terms = billing_terms.parse_buyer(one(conn, "SELECT billing FROM buyers WHERE name LIKE 'Green%'"), label="Green")
    assert terms.tax.rate == Decimal("8.25")
    assert terms.auto_top_up is not None
    assert terms.auto_top_up.amount == Decimal("200.50")
    assert one(conn, "SELECT billing FROM buyers WHERE name LIKE 'Blue%'") == {}
    assert policy.parse(one(conn, "SELECT returns FROM offers"), label="Lawns").auto_approve == ("duplicate",)
    own = one(conn, "SELECT returns FROM buyer_offers WHERE returns IS NOT NULL")
    assert policy.parse(own, label="Green in Lawns").window_hours == 24
    publisher = conn.execute("SELECT id, name, currency, timezone FROM publishers").fetchone()
    assert publisher is not None
    assert publisher[1:] == ("Home Pages", "USD", "America/Denver")
    owned = conn.execute("SELECT publisher_id, earning FROM sources ORDER BY id").fetchall()
    assert owned == [(publisher[0], {"type": "share", "value": "12.5"}), (None, None)]
    assert earnings.parse(owned[0][1], label="lawns-web") == Share(type="share", value=Decimal("12.5"))


def test_applying_again_and_what_was_exported_changes_nothing(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    assert {change.outcome for change in apply(conn, tmp_path)} == {"unchanged"}
    (file,) = export.files(conn)
    assert "tax: {name: Sales tax, rate: 8.25}" in file.text()
    assert "{publisher: Home Pages, earning" not in file.text()  # a source of some length stands on lines of its own
    assert not application(conn, [written(tmp_path, file.text())], {}, plan=True).has_changes


def test_a_plan_shows_each_field_of_money_that_changes(conn: Connection[Any], tmp_path: Path) -> None:
    created = {change.kind: change for change in apply(conn, tmp_path)}
    assert [str(d) for d in created["seller"].differences] == [
        "tax_id: 12-3456789", "legal_name: Leads Inc.", "terms_days: 30",
    ]  # fmt: skip
    assert [str(d) for d in created["publisher"].differences] == ["currency: USD", "timezone: America/Denver"]
    later = changed(
        ("terms_days: 30", "terms_days: 10"),
        ("timezone: America/Denver\nvertical", "timezone: UTC\nvertical"),
        ("rate: 8.25", "rate: 9"),
        ("value: 12.5", "value: 15"),
        ("reasons: [duplicate, other]", "reasons: [duplicate]"),
        text=MONEY,
    )
    assert fields(apply(conn, tmp_path, later)) == [
        ("seller", "Leads Inc.", ["terms_days: 30 → 10"]),
        ("publisher", "Home Pages", ["timezone: America/Denver → UTC"]),
        ("buyer", "Green Gardens", ["billing.tax.rate: 8.25 → 9"]),
        ("offer", "Lawns, Springfield", ["returns.reasons: −other"]),
        ("source", "lawns-web", ["earning.value: 12.5 → 15"]),
    ]
    unowned = changed(
        ("        publisher: Home Pages\n", ""), ("        earning: {type: share, value: 15}\n", ""), text=later
    )
    assert fields(apply(conn, tmp_path, unowned)) == [
        ("source", "lawns-web", ["earning: {type: share, value: 15} → nothing", "publisher: Home Pages → nothing"])
    ]


def test_what_a_file_leaves_out_is_none_but_for_the_seller(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    apply(conn, tmp_path, SOUND)
    assert one(conn, "SELECT details->>'legal_name' FROM seller") == "Leads Inc."
    assert conn.execute("SELECT DISTINCT billing FROM buyers").fetchall() == [({},)]
    assert conn.execute("SELECT returns FROM offers UNION SELECT returns FROM buyer_offers").fetchall() == [(None,)]
    assert conn.execute("SELECT DISTINCT publisher_id, earning FROM sources").fetchall() == [(None, None)]
    (content,) = contents(conn)
    assert [publisher["name"] for publisher in content["publishers"]] == ["Home Pages"]  # who owns nothing now
    (file,) = export.files(conn)
    assert not application(conn, [written(tmp_path, file.text())], {}, plan=True).has_changes


def test_of_two_sellers_the_one_applied_last_sells(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    other = changed(*ELSEWHERE, ("legal_name: Leads Inc.", "legal_name: Leads LLC"), text=MONEY)
    both = [written(tmp_path), written(tmp_path, other, "elsewhere.yaml")]
    both[0].write_text(MONEY)
    with pytest.raises(ConfigurationInvalid, match="both name the one seller of the installation"):
        apply_files(conn, both, {})
    apply(conn, tmp_path, other, "elsewhere.yaml")
    assert conn.execute("SELECT details->>'legal_name' FROM seller").fetchall() == [("Leads LLC",)]


def test_an_older_version_without_money_rolls_back_and_a_later_one_with_it(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply(conn, tmp_path, SOUND)
    before = contents(conn)
    apply(conn, tmp_path)
    with_money = contents(conn)
    rollback(conn, 1, {})
    (now,) = contents(conn)
    assert (now.pop("seller")["legal_name"], now.pop("publishers")[0]["name"]) == ("Leads Inc.", "Home Pages")
    assert [now] == before
    rollback(conn, 2, {})
    assert contents(conn) == with_money


def test_a_buyer_whose_money_moved_keeps_its_currency(conn: Connection[Any], tmp_path: Path) -> None:
    apply(conn, tmp_path)
    euros = changed(ABROAD, text=MONEY)
    apply(conn, tmp_path, euros)
    assert conn.execute("SELECT DISTINCT currency FROM buyers").fetchall() == [("EUR",)]
    prepaid(conn, one(conn, "SELECT id FROM buyers WHERE name LIKE 'Blue%'"), 5)
    assert refused(conn, written(tmp_path, MONEY)) == [
        "60: buyers[1].email: blue@example.com is billed in EUR; a market in another currency needs another address"
    ]


def test_a_publisher_who_earned_or_owns_a_source_elsewhere_keeps_its_currency(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply(conn, tmp_path)
    abroad = changed(
        *ELSEWHERE, ABROAD, ("email: green@", "email: gruen@"), ("buyer: green@", "buyer: gruen@"),
        ("email: blue@", "email: blau@"), text=MONEY,
    )  # fmt: skip
    told = "Home Pages is paid in USD; in a market of another currency it needs another name"
    assert refused(conn, written(tmp_path, abroad, "abroad.yaml")) == [f"10: publishers[0].name: {told}"]
    apply(
        conn,
        tmp_path,
        changed(
            ("name: Home Pages", "name: Heimseiten"), ("publisher: Home Pages", "publisher: Heimseiten"), text=abroad
        ),
        "abroad.yaml",
    )
    assert conn.execute("SELECT name, currency FROM publishers ORDER BY id").fetchall() == [
        ("Home Pages", "USD"),
        ("Heimseiten", "EUR"),
    ]


def test_edge_27_a_buyer_billed_in_euros_is_refused_in_an_offer_in_dollars(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply(conn, tmp_path, changed(("timezone: America/Denver", "timezone: Europe/Berlin\n  currency: EUR")))
    dollars = changed(*ELSEWHERE)
    assert refused(conn, written(tmp_path, dollars, "dollars.yaml")) == [
        f"{line}: buyers[{n}].email: {email} is billed in EUR; a market in another currency needs another address"
        for n, (line, email) in enumerate([(33, "green@example.com"), (47, "blue@example.com")])
    ]


def test_edge_18_what_was_delivered_keeps_its_price_whatever_is_edited_then(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply(conn, tmp_path)
    lead = a_lead(
        conn,
        one(conn, "SELECT id FROM sources WHERE source_key = 'lawns-web'"),
        status="delivered",
        buyer_id=one(conn, "SELECT id FROM buyers WHERE name LIKE 'Green%'"),
        delivered_price="50.00",
        price_components={"buyer_price": "50.00"},
        delivered_at="2026-06-17T12:00:00Z",
    )
    dearer = changed(
        ("price: 45.10\n", "price: 99\n    invoice_threshold: 1\n"), ("price: 50\n", "price: 75\n"),
        ("rate: 8.25", "rate: 20"), text=MONEY,
    )  # fmt: skip
    assert application(conn, [written(tmp_path, dearer)], {}).has_changes
    row = conn.execute("SELECT delivered_price, price_components FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row == (Decimal("50.00"), {"buyer_price": "50.00"})


def test_edge_12_a_threshold_is_lowered_by_a_file_and_left_out_is_the_platforms(
    conn: Connection[Any], tmp_path: Path
) -> None:
    thresholds = []
    for threshold in ("150", "0", ""):
        apply(conn, tmp_path, changed(("price: 45.10\n", f"price: 45.10\n    invoice_threshold: {threshold}\n")))
        thresholds.append(str(one(conn, "SELECT invoice_threshold FROM offers")))
    assert thresholds == ["150.00", "0.00", "500.00"]


def test_buyers_are_locked_before_publishers_as_by_those_who_take_back_what_leads_have_earned(
    conn: Connection[Any], database_url: str, tmp_path: Path
) -> None:
    apply(conn, tmp_path)
    buyer, publisher = one(conn, "SELECT min(id) FROM buyers"), one(conn, "SELECT id FROM publishers")

    def apply_again() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            apply(other, tmp_path, MONEY.replace("owner@example.com", "other@example.com"))

    with ThreadPoolExecutor(1) as pool:
        with conn.transaction():
            buyers_store.lock(conn, [buyer])
            applied = pool.submit(apply_again)
            while not conn.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not applied.done()
            conn.execute("SELECT id FROM publishers WHERE id = %s FOR NO KEY UPDATE NOWAIT", (publisher,))
        applied.result()
    assert one(conn, "SELECT email FROM publishers") == "other@example.com"
