"""The report of a simulation, as a person reads it and as JSON; and how the command is used."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from leadgen import cli
from leadgen.simulation.commands import simulate
from leadgen.simulation.domain.simulation import BuyerChange, Compared, SimulatedSale, SimulationOutcome, Sum
from leadgen.simulation.service.simulate import Report
from leadgen.terminal import times

SINCE = datetime(2026, 6, 1, tzinfo=UTC)
REPORT = Report(
    since=SINCE,
    until=SINCE + timedelta(days=30),
    drafted=("Lawns",),
    outcome=SimulationOutcome(
        leads=1204,
        attempts=1300,
        buyers={
            (1, "USD"): Compared(Sum(1000, Decimal("45000.00")), Sum(900, Decimal("41400.00"))),
            (22, "USD"): Compared(Sum(200, Decimal("9020.00")), Sum(301, Decimal("13575.10"))),
        },
        unsold={"no_buyer_in_area": (3, 3), "no_eligible_buyer": (1, 0)},
        repriced=7,
        changes=(
            BuyerChange(
                5, 10, "USD", SimulatedSale(1, 101, Decimal("45.00")), SimulatedSale(22, 122, Decimal("45.10"))
            ),
            BuyerChange(77, 10, "USD", "no_eligible_buyer", SimulatedSale(22, 122, Decimal("45.10"))),
            BuyerChange(
                1078, 10, "USD", SimulatedSale(22, 122, Decimal("45.10")), SimulatedSale(1, 101, Decimal("46.00"))
            ),
        ),
    ),
    unreadable=2,
    now_valid=4,
    unanswered={"mx_lookup_enabled": 9},
    buyers={1: "Green Gardens", 22: "Blue"},
    offers={10: "Lawns"},
)


def test_the_report_is_aligned() -> None:
    assert simulate.lines(REPORT, most=2) == [
        "2026-06-01 00:00 UTC to 2026-07-01 00:00 UTC, under a draft for Lawns",
        "",
        "                      NOW      DRAFT  DIFFERENCE",
        "leads decided       1,204      1,204",
        "sold                1,200      1,201          +1",
        "unsold                  4          3          -1",
        "revenue in USD  54,020.00  54,975.10     +955.10",
        "",
        "BUYER                   LEADS NOW  DRAFT  DIFFERENCE  MONEY NOW      DRAFT  DIFFERENCE",
        "Green Gardens (1)  USD      1,000    900        -100  45,000.00  41,400.00   -3,600.00",
        "Blue (22)          USD        200    301        +101   9,020.00  13,575.10   +4,555.10",
        "",
        "UNSOLD BECAUSE     NOW  DRAFT  DIFFERENCE",
        "no_buyer_in_area     3      3           0",
        "no_eligible_buyer    1      0          -1",
        "",
        "3 leads change hands:",
        "LEAD  NOW                                   DRAFT",
        "5     Green Gardens (1)  45.00 USD          Blue (22)  45.10 USD",
        "77    unsold             no_eligible_buyer  Blue (22)  45.10 USD",
        "… and 1 more (--changes 3, or --json for all)",
        "",
        "7 leads keep their buyer at another price.",
        "2 decisions are recorded in a form that is no longer read: they are kept.",
        "4 leads that validation rejected would now be valid; they are not routed, as nothing is recorded of",
        "  their buyers.",
        "mx_lookup_enabled: the record of 9 leads lacks what the draft requires; the rule does not apply to",
        "  them.",
        "A lead that finds no buyer under the draft where the record sold it counts as unsold: later attempts",
        "  are on no record.",
        "Only policies are drafted: prices, buyers' terms and areas are those of the time.",
    ]


def test_no_line_is_wider_than_a_hundred_columns_and_no_name_is_cut() -> None:
    name = "Northern Commercial and Residential Garden Maintenance of Springfield"
    report = replace(REPORT, buyers={1: name, 22: name}, drafted=tuple(f"Offer {number}" for number in range(20)))
    said = simulate.lines(report, most=3)
    assert all(len(line) <= 100 for line in said)
    assert "".join(said).count("Springfield") == 2 + 5
    totals = next(line for line in said if line.startswith("Northern"))
    assert totals.endswith("1,000    900        -100  45,000.00  41,400.00   -3,600.00")


def test_a_report_of_nothing_says_so() -> None:
    empty = Report(SINCE, SINCE, (), SimulationOutcome(0, 0, {}, {}, 0, ()), 0, 0, {}, {}, {})
    assert simulate.lines(empty, most=20) == [
        "2026-06-01 00:00 UTC to 2026-06-01 00:00 UTC, under the policies of the time",
        "",
        "               NOW  AGAIN  DIFFERENCE",
        "leads decided    0      0",
        "sold             0      0           0",
        "unsold           0      0           0",
        "",
        "No lead changes hands.",
    ]


def test_json_holds_everything_with_money_as_text() -> None:
    report = simulate.as_json(REPORT)
    assert isinstance(report, dict)
    assert report["buyers"][0] == {
        "buyer_id": 1,
        "name": "Green Gardens",
        "currency": "USD",
        "recorded": {"leads": 1000, "money": "45000.00"},
        "draft": {"leads": 900, "money": "41400.00"},
    }
    assert report["unsold"][1] == {"reason": "no_eligible_buyer", "recorded": 1, "draft": 0}
    assert len(report["changes"]) == 3
    assert report["changes"][1] == {
        "lead_id": 77,
        "offer": "Lawns",
        "currency": "USD",
        "recorded": {"unsold": "no_eligible_buyer"},
        "draft": {"buyer_id": 22, "price": "45.10"},
    }
    assert (report["since"], report["unreadable"], report["now_valid"]) == ("2026-06-01T00:00:00+00:00", 2, 4)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("45m", timedelta(minutes=45)),
        ("2w", timedelta(weeks=2)),
        ("2026-06-01", SINCE),
        ("2026-06-01T00:00-06:00", SINCE + timedelta(hours=6)),
    ],
)
def test_a_time_is_so_long_ago_or_an_instant(written: str, meant: timedelta | datetime) -> None:
    assert times.when(written) == meant


@pytest.mark.parametrize("written", ["", "0d", "-3d", "d", "3y", "3.5d", "yesterday", "2026-13-01", "999999d"])
def test_any_other_time_is_refused(written: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="neither a time ago such as 30d"):
        times.when(written)


@pytest.mark.parametrize(
    "arguments", [[], ["--since", "soon"], ["--since", "1d", "--changes", "-1"], ["--since", "1d", "--until"]]
)
def test_wrong_use_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", *arguments]) == 2


def test_a_time_that_ends_before_it_begins_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--since", "1d", "--until", "2d"]) == cli.FAILED
    assert "is not before --until" in capsys.readouterr().err
