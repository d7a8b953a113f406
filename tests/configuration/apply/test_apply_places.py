"""Service areas of every kind, and the postal codes that lie within a radius."""

import math
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen.configuration.service.apply import ConfigurationInvalid, application, apply_files
from tests.support.configurations import changed, written

# Around Denver, some kilometers apart; the last one on the other side of the 180th meridian.
PLACES = {
    "80014": (39.66635, -104.83500),
    "80202": (39.75200, -104.99700),
    "80302": (40.01760, -105.28500),
    "FIJI 1": (-17.00000, 179.95000),
    "FIJI 2": (-17.00000, -179.95000),
}


def listed(**places: tuple[float, float]) -> str:
    return ", ".join(f"{{postal_code: {code}, latitude: {at[0]}, longitude: {at[1]}}}" for code, at in places.items())


def text(areas: str, places: dict[str, tuple[float, float]] = PLACES) -> str:
    return changed(
        ("timezone: America/Denver", f"timezone: America/Denver\n  places: [{listed(**places)}]"),
        ("      postal_codes: [80014]\n", f"      {areas}\n"),
    )


def radius(center: str, km: object) -> str:
    return f"radius: [{{postal_code: {center}, km: {km}}}]"


def covered(conn: Connection[Any]) -> list[str]:
    rows = conn.execute("SELECT r.postal_code FROM radius_postal_codes r ORDER BY 1").fetchall()
    return [code for (code,) in rows]


def kilometers(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the angle between two vectors: another formula than the one under test."""
    vectors = []
    for latitude, longitude in (one, other):
        a, b = math.radians(latitude), math.radians(longitude)
        vectors.append((math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)))
    cross = math.dist((0, 0, 0), (
        vectors[0][1] * vectors[1][2] - vectors[0][2] * vectors[1][1],
        vectors[0][2] * vectors[1][0] - vectors[0][0] * vectors[1][2],
        vectors[0][0] * vectors[1][1] - vectors[0][1] * vectors[1][0],
    ))  # fmt: skip
    return 6371.0088 * math.atan2(cross, sum(a * b for a, b in zip(*vectors, strict=True)))


def test_areas_of_every_kind_are_stored(conn: Connection[Any], tmp_path: Path) -> None:
    areas = f"postal_codes: [80014]\n      cities: [Aurora]\n      regions: [US-CO]\n      {radius('80014', '25.50')}"
    apply_files(conn, [written(tmp_path, text(areas))], {})
    blue = (
        "SELECT scope_type, scope_value FROM buyer_service_areas a JOIN buyers b ON b.id = a.buyer_id "
        "WHERE b.email = 'blue@example.com' AND a.is_active ORDER BY 1"
    )
    assert conn.execute(blue.encode()).fetchall() == [
        ("city", "Aurora"), ("postal_code", "80014"), ("radius", "80014 25.5km"), ("region", "US-CO"),
    ]  # fmt: skip
    changes = apply_files(conn, [written(tmp_path, text("whole_market: true"))], {})
    assert conn.execute(blue.encode()).fetchall() == [("market", "*")]
    assert [str(difference) for change in changes for difference in change.differences] == [
        "postal_codes: −80014",
        "cities: −Aurora",
        "regions: −US-CO",
        "radius: −80014 25.5km",
        "whole_market: nothing → true",
    ]
    assert covered(conn) == []


@pytest.mark.parametrize(("one", "other"), [("80014", "80202"), ("80014", "80302"), ("FIJI 1", "FIJI 2")])
def test_a_radius_covers_what_lies_within_it_and_nothing_beyond(
    conn: Connection[Any], tmp_path: Path, one: str, other: str
) -> None:
    distance = kilometers(PLACES[one], PLACES[other])
    for km, is_covered in [(distance + 0.002, True), (distance - 0.002, False)]:
        apply_files(conn, [written(tmp_path, text(radius(one, f"{km:.3f}")))], {})
        assert one in covered(conn)
        assert (other in covered(conn)) == is_covered


def test_a_radius_is_measured_again_when_places_change(conn: Connection[Any], tmp_path: Path) -> None:
    areas = radius("80014", 20)
    apply_files(conn, [written(tmp_path, text(areas))], {})
    assert covered(conn) == ["80014", "80202"]
    before = conn.execute("SELECT xmin::text, r::text FROM radius_postal_codes r").fetchall()
    assert not application(conn, [written(tmp_path, text(areas))], {}).has_changes
    assert conn.execute("SELECT xmin::text, r::text FROM radius_postal_codes r").fetchall() == before
    moved = {**PLACES, "80202": (41.0, -104.997), "80303": (39.67, -104.84)}
    changes = apply_files(conn, [written(tmp_path, text(areas, moved))], {})
    assert covered(conn) == ["80014", "80303"]
    assert [(c.kind, [str(d) for d in c.differences]) for c in changes if c.outcome == "updated"] == [
        ("places", ["80202: 39.75200, -104.99700 → 41.00000, -104.99700", "80303: nothing → 39.67000, -104.84000"])
    ]


def test_a_place_that_another_files_radius_stands_on_cannot_go(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path, text(radius("80202", 5)))], {})
    without = {code: at for code, at in PLACES.items() if code != "80202"}
    other = changed(
        ("slug: gardening", "slug: paving"),
        ("name: Gardening", "name: Paving"),
        ("source_key: lawns-web", "source_key: paving-web"),
        ("source_key: lawns-partner", "source_key: paving-partner"),
        ("hostname: lawns.example.com", "hostname: paving.example.com"),
        ("email: blue@example.com", "email: red@example.com"),
        text=text("cities: [Aurora]", without),
    )
    with pytest.raises(ConfigurationInvalid, match=r"market.places: lacks the center of '80202 5km', where blue@ex"):
        apply_files(conn, [written(tmp_path, other)], {})
