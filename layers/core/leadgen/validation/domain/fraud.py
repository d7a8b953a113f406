"""Fraud detection: adds up the points of the signs that a lead shows."""

from collections.abc import Iterator

from leadgen.leads.domain.lead import filled_name
from leadgen.validation.domain.observations import Observations
from leadgen.validation.domain.policy import AreaCodes, FraudDetection, Signal, Velocity
from leadgen.validation.domain.scoring import Score, scored


def score(detection: FraudDetection, seen: Observations) -> Score:
    """The score of a lead, with the signs that count."""
    limits = [(name, getattr(detection, name)) for name in ("flag_at", "review_at", "reject_at")]
    return scored(0, dict(_parts(detection, seen)), limits, rises=True)


def _parts(detection: FraudDetection, seen: Observations) -> Iterator[tuple[str, int]]:
    signs: tuple[tuple[str, Signal | None, bool], ...] = (
        ("ip_velocity", detection.ip_velocity, _too_many(detection.ip_velocity, seen.ip_posts)),
        ("phone_velocity", detection.phone_velocity, _too_many(detection.phone_velocity, seen.phone_posts)),
        ("disposable_email", detection.disposable_email, seen.email is not None and seen.email.disposable),
        ("phone_country_mismatch", detection.phone_country_mismatch, _is_foreign(seen)),
        ("phone_area_mismatch", detection.phone_area_mismatch, _is_elsewhere(detection.phone_area_mismatch, seen)),
        (
            "postal_region_mismatch",
            detection.postal_region_mismatch,
            seen.postal_code is not None and seen.postal_code.fits_region is False,
        ),
        (
            "ip_country_mismatch",
            detection.ip_country_mismatch,
            seen.ip_country is not None and seen.ip_country != seen.lead.country_code,
        ),
        (
            "honeypot",
            detection.honeypot,
            detection.honeypot is not None and filled_name(detection.honeypot.field) in seen.lead.filled,
        ),
        (
            "time_to_fill",
            detection.time_to_fill,
            detection.time_to_fill is not None
            and seen.seconds_to_fill is not None
            and seen.seconds_to_fill < detection.time_to_fill.under_seconds,
        ),
    )
    yield from ((name, signal.points) for name, signal, shows in signs if signal is not None and shows)


def _too_many(velocity: Velocity | None, posts: int | None) -> bool:
    return velocity is not None and posts is not None and posts > velocity.more_than


def _is_foreign(seen: Observations) -> bool:
    return seen.phone is not None and seen.phone.region not in (None, seen.lead.country_code)


def _is_elsewhere(areas: AreaCodes | None, seen: Observations) -> bool:
    if areas is None or seen.phone is None or seen.phone.area_code is None:
        return False
    served = areas.postal_prefixes.get(seen.phone.area_code)
    return served is not None and not seen.lead.postal_code.startswith(tuple(prefix.upper() for prefix in served))
