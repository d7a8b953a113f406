"""The guide to payments names what the code acts on."""

import re
from pathlib import Path

import pytest

from leadgen.payments.domain import provider_events
from leadgen.platform import settings
from leadgen.platform.settings import SettingsInvalid

TEXT = (Path(__file__).parents[3] / "docs" / "payments.md").read_text(encoding="utf-8")


def test_the_events_to_be_sent_are_those_that_are_acted_on() -> None:
    (listed,) = re.findall(r"```\n(payment_intent\.succeeded.*?)```", TEXT, re.DOTALL)
    assert set(listed.split()) == set(provider_events.READERS)


def test_the_settings_are_there() -> None:
    named = set(re.findall(r"`((?:STRIPE|PUBLIC)_[A-Z_]+)`", TEXT))
    assert {name.lower() for name in named} <= settings.Settings.model_fields.keys()


@pytest.mark.parametrize("given", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_one_secret_of_the_provider_without_the_other_is_refused_and_neither_is_shown(given: str) -> None:
    base = {"DATABASE_URL": "postgresql://x", "SECRET_KEY": "k" * 32}
    with pytest.raises(SettingsInvalid, match="payments by card need"):
        settings.load(base | {given: "s3cret"})
    both = settings.load(base | {"STRIPE_SECRET_KEY": "s3cret", "STRIPE_WEBHOOK_SECRET": "s3cret"})
    assert "s3cret" not in repr(both)
