"""The Data Retention Policy's horizons."""

from datetime import UTC, datetime

import pytest

from leadgen.leads.domain import retention


@pytest.mark.parametrize(
    ("now", "leads", "audit"),
    [
        ((2026, 6, 17), (2023, 6, 17), (2019, 6, 17)),
        ((2028, 2, 29), (2025, 2, 28), (2021, 2, 28)),  # no such day then: a day longer kept, never shorter
        ((2027, 2, 28), (2024, 2, 28), (2020, 2, 28)),
    ],
)
def test_leads_are_kept_36_months_and_the_audit_trail_7_years(
    now: tuple[int, int, int], leads: tuple[int, int, int], audit: tuple[int, int, int]
) -> None:
    moment = datetime(*now, 12, 30, tzinfo=UTC)
    assert retention.lead_horizon(moment) == datetime(*leads, 12, 30, tzinfo=UTC)
    assert retention.audit_horizon(moment) == datetime(*audit, 12, 30, tzinfo=UTC)
