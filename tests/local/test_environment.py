"""What the stack's processes find in their environment."""

from pathlib import Path

import pytest

from leadgen.platform import settings
from leadgen_local import environment
from leadgen_local.environment import ChoiceError, Choices

SECRET_KEY = "a-secret-key-for-tests-of-sufficient-length"


def of_children(**environ: str) -> dict[str, str]:
    return environment.of_children(
        environ,
        database_url="postgresql://leadgen@127.0.0.1/leadgen",
        secret_key=SECRET_KEY,
        api_url="http://127.0.0.1:8000",
        sink_url="http://127.0.0.1:9000",
        smtp_port=2525,
    )


def test_without_choices_the_stack_is_at_port_8000_with_its_state_in_the_checkout() -> None:
    assert Choices.read({}) == Choices(8000, Path(".local"), None, None)


def test_an_empty_variable_is_an_unset_one() -> None:
    assert Choices.read({"LEADGEN_PORT": "", "DATABASE_URL": ""}) == Choices.read({})


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    with pytest.raises(ChoiceError, match="LEADGEN_PORT"):
        Choices.read({"LEADGEN_PORT": port})


def test_the_sinks_are_used_and_allowed() -> None:
    loaded = settings.load(of_children(EGRESS_ALLOWED_ORIGINS="http://10.0.0.1"))
    assert loaded.egress_allowed_origins == (
        "http://10.0.0.1",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:8026",  # where `leadgen event listen` listens
    )
    assert (loaded.smtp_host, loaded.smtp_port, loaded.smtp_starttls) == ("127.0.0.1", 2525, False)
    assert loaded.twilio_api_url == "http://127.0.0.1:9000"
    assert None not in (loaded.twilio_account_sid, loaded.twilio_auth_token, loaded.twilio_phone_number)
    assert loaded.environment == "development"


def test_an_operator_s_own_mail_server_is_left_alone() -> None:
    environ = of_children(SMTP_HOST="mail.example.com", SMTP_USER="me")
    assert environ["SMTP_HOST"] == "mail.example.com"
    assert environ["SMTP_USER"] == "me"
    assert "SMTP_PORT" not in environ


def test_an_operator_s_own_twilio_account_is_left_alone() -> None:
    environ = of_children(TWILIO_ACCOUNT_SID="AC" + "1" * 32, TWILIO_AUTH_TOKEN="mine")
    assert environ["TWILIO_AUTH_TOKEN"] == "mine"
    assert "TWILIO_API_URL" not in environ


def test_the_fake_payment_provider_is_used_and_told_where_to_lead_back_to() -> None:
    loaded = settings.load(of_children())
    assert (loaded.stripe_api_base, loaded.public_url) == ("http://127.0.0.1:9000", "http://127.0.0.1:8000")
    assert None not in (loaded.stripe_secret_key, loaded.stripe_webhook_secret)


def test_an_operator_s_own_account_at_the_payment_provider_is_left_alone() -> None:
    environ = of_children(
        STRIPE_SECRET_KEY="sk_test_mine", STRIPE_WEBHOOK_SECRET="whsec_mine", PUBLIC_URL="https://x.y"
    )
    loaded = settings.load(environ)
    assert (loaded.stripe_secret_key, loaded.stripe_webhook_secret) == ("sk_test_mine", "whsec_mine")
    assert loaded.stripe_api_base == "https://api.stripe.com"
    assert loaded.public_url == "https://x.y"


def test_nothing_is_sent_to_aws_from_here() -> None:
    environ = of_children(EVENTS_TOPIC_ARN="arn:aws:sns:x", QUEUE_URLS="https://sqs")
    assert "EVENTS_TOPIC_ARN" not in environ
    assert "QUEUE_URLS" not in environ
