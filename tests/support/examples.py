"""How many examples a property is tried with: few in `make test`, many in `make race` (--hypothesis-profile=long)."""

from hypothesis import HealthCheck, settings

SHORT, LONG = "short", "long"


def register_profiles() -> None:
    """Make both known, and the short one the default. Neither fails a property because the machine is slow."""
    slow = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
    settings.register_profile(SHORT, deadline=None, max_examples=25, suppress_health_check=slow)
    settings.register_profile(LONG, settings.get_profile(SHORT), max_examples=400)
    settings.load_profile(SHORT)


def examples(*, short: int, long: int) -> settings:
    """For a property whose examples take long: how many it is tried with in each profile."""
    return settings(max_examples=long if settings.get_current_profile_name() == LONG else short)
