"""Settings: the specification's names, and every problem told at once."""

import pytest

from leadgen.platform import settings
from leadgen.platform.settings import SettingsInvalid

LEAST = {"DATABASE_URL": "postgresql://user:s3cret@db/leadgen", "SECRET_KEY": "k" * 32}


def test_the_least_environment_has_the_documented_defaults() -> None:
    loaded = settings.load(LEAST)
    assert (loaded.environment, loaded.webhook_timeout_seconds, loaded.webhook_max_retries) == ("development", 5, 3)
    assert (loaded.default_duplicate_window_hours, str(loaded.default_invoice_threshold)) == (24, "500.00")
    assert (loaded.default_source_key, loaded.rate_limit_landing_page, loaded.egress_allowed_origins) == (None, 0, ())


def test_an_empty_variable_is_an_unset_one() -> None:
    assert settings.load(LEAST | {"SMTP_HOST": "", "SMTP_PORT": ""}).smtp_port == 587


def test_lists_are_separated_by_commas() -> None:
    loaded = settings.load(LEAST | {"EGRESS_ALLOWED_ORIGINS": " http://a:1 ,http://b:2,, "})
    assert loaded.egress_allowed_origins == ("http://a:1", "http://b:2")


@pytest.mark.parametrize(
    "origin",
    [
        "127.0.0.1:8026",
        "http://127.0.0.1:8026/",
        "HTTP://a:1",
        "http://A:1",
        "http://u:p@a",
        "http://a?b",
        "ftp://a",
        "*",
    ],
)
def test_an_origin_that_would_never_be_met_is_refused(origin: str) -> None:
    with pytest.raises(SettingsInvalid, match="EGRESS_ALLOWED_ORIGINS"):
        settings.load(LEAST | {"EGRESS_ALLOWED_ORIGINS": f"http://a:1,{origin}"})


def test_dns_servers_are_addresses_with_or_without_a_port() -> None:
    servers = ("127.0.0.1", "127.0.0.1:5353", "[::1]:5353", "[2001:db8::1]")
    assert settings.load(LEAST | {"DNS_SERVERS": ", ".join(servers)}).dns_servers == servers
    assert settings.load(LEAST).dns_servers == ()


def test_calls_go_to_port_443_and_to_the_ports_listed() -> None:
    assert settings.load(LEAST).egress_ports == (443,)
    assert settings.load(LEAST | {"EGRESS_PORTS": "443, 8443"}).egress_ports == (443, 8443)


@pytest.mark.parametrize("ports", ["https", "0", "65536", "443;8443", ",", "443,-1"])
def test_a_port_that_is_none_is_refused(ports: str) -> None:
    with pytest.raises(SettingsInvalid, match="EGRESS_PORTS"):
        settings.load(LEAST | {"EGRESS_PORTS": ports})


@pytest.mark.parametrize("server", ["localhost", "127.0.0.1:dns", "127.0.0.1:70000", "::1", "10.0.0"])
def test_a_dns_server_that_is_no_address_is_refused(server: str) -> None:
    with pytest.raises(SettingsInvalid, match="DNS_SERVERS"):
        settings.load(LEAST | {"DNS_SERVERS": f"127.0.0.1,{server}"})


TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t0ken", "TWILIO_PHONE_NUMBER": "+15125550100",
}  # fmt: skip


@pytest.mark.parametrize("missing", TWILIO)
def test_sms_notices_need_all_three_variables_or_none(missing: str) -> None:
    assert settings.load(LEAST | TWILIO).twilio_api_url == "https://api.twilio.com"
    with pytest.raises(SettingsInvalid, match=f"{missing}: is missing"):
        settings.load(LEAST | TWILIO | {missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "AC/../x"),
        ("TWILIO_PHONE_NUMBER", "512 555 0100"),
        ("TWILIO_API_URL", "https://api.twilio.com/2010-04-01"),
        ("FROM_EMAIL", "LeadGen <leads@example.com>"),
        ("FROM_EMAIL", "leads@example.com\nBcc: x@example.com"),
        ("MAIL_TRANSPORT", "carrier pigeon"),
    ],
)
def test_what_mail_and_sms_cannot_work_with_is_told_at_start(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        settings.load(LEAST | TWILIO | {name: value})


def test_ses_needs_a_sender() -> None:
    with pytest.raises(SettingsInvalid, match="FROM_EMAIL: is missing"):
        settings.load(LEAST | {"MAIL_TRANSPORT": "ses"})
    assert settings.load(LEAST | {"MAIL_TRANSPORT": "ses", "FROM_EMAIL": "leads@example.com"}).smtp_host is None


def test_every_problem_is_told_at_once_and_no_secret_with_it() -> None:
    bad = {
        "DATABASE_URL": "mysql://user:s3cret@db/x", "SECRET_KEY": "short", "ENVIRONMENT": "prod",
        "WEBHOOK_TIMEOUT_SECONDS": "soon", "DEFAULT_DUPLICATE_WINDOW_HOURS": "8761", "SMTP_PORT": "0",
        "TWILIO_ACCOUNT_SID": "not one", "TWILIO_AUTH_TOKEN": "", "TWILIO_PHONE_NUMBER": "",
    }  # fmt: skip
    with pytest.raises(SettingsInvalid) as refused:
        settings.load(bad)
    for name in bad:
        assert name in str(refused.value), name
    assert "s3cret" not in str(refused.value)
    assert "short" not in str(refused.value).replace("shorter", "")


def test_settings_shown_hide_their_secrets() -> None:
    shown = repr(settings.load(LEAST | TWILIO | {"SMTP_PASSWORD": "hunter2"}))
    for secret in ("s3cret", "k" * 32, "hunter2", "t0ken"):
        assert secret not in shown
