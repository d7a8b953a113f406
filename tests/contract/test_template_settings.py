"""Every setting that the functions read has its variable in the template, and the template sets nothing else."""

from typing import Any

import pytest

from leadgen.platform import settings
from leadgen.platform.settings import Settings
from tests.support.template.cloudformation import functions, written

# They call the provider, or ask whether there is one.
USERS_OF_CARDS = {"ApiFunction", "BillFunction", "CollectFunction", "PayFunction", "SweepFunction"}
ONLY_FOR = {
    "QUEUE_URLS": {"IngestFunction"},  # /health/queues
    "DELIVER_QUEUE_URL": {"ApiFunction", "DeliverFunction", "SweepFunction"},  # they wake it
    "NOTIFY_QUEUE_URL": {"NotifyFunction", "SweepFunction"},
    "COLLECT_QUEUE_URL": {"ApiFunction", "BillFunction", "PayFunction", "SweepFunction"},
    "STRIPE_SECRET_KEY": USERS_OF_CARDS,
    "STRIPE_WEBHOOK_SECRET": USERS_OF_CARDS,
    "MIGRATIONS_DIR": {"MigrateFunction"},
}
BOTO3S_OWN = {"AWS_ENDPOINT_URL"}
FROM_AWS = {
    "DATABASE_URL": "postgresql://leadgen@proxy:5432/leadgen?sslmode=require",
    "SECRET_KEY": "x" * 86,
    "EVENTS_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:leadgen-events",
    "QUEUE_URLS": "https://queue.example/a,https://queue.example/b",
    "DELIVER_QUEUE_URL": "https://queue.example/deliver",
    "NOTIFY_QUEUE_URL": "https://queue.example/notify",
    "COLLECT_QUEUE_URL": "https://queue.example/collect",
    "SMTP_PASSWORD": "",
    "TWILIO_AUTH_TOKEN": "",
    "STRIPE_SECRET_KEY": "",
    "STRIPE_WEBHOOK_SECRET": "",
}


def variables(function: str) -> dict[str, Any]:
    found: dict[str, Any] = functions()[function]["Environment"]["Variables"]
    return found


@pytest.mark.parametrize("function", functions())
def test_a_function_has_a_variable_for_every_setting_it_reads(function: str) -> None:
    read = {name.upper() for name in Settings.model_fields} | BOTO3S_OWN
    not_here = {name for name, users in ONLY_FOR.items() if function not in users}
    assert variables(function).keys() == read - not_here


@pytest.mark.parametrize("function", functions())
def test_the_parameters_defaults_make_valid_settings(function: str) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in written()["Parameters"].items()}
    given = {
        name: FROM_AWS[name] if name in FROM_AWS else defaults[value["Ref"]] if isinstance(value, dict) else value
        for name, value in variables(function).items()
    }
    assert settings.load({name: str(value) for name, value in given.items()}).environment == "production"


def test_secrets_are_references_never_text() -> None:
    for function in functions():
        for name in (
            "DATABASE_URL", "SECRET_KEY", "SMTP_PASSWORD", "TWILIO_AUTH_TOKEN", "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
        ):  # fmt: skip
            if function in ONLY_FOR.get(name, {function}):
                assert "{{resolve:secretsmanager:" in str(variables(function)[name])
