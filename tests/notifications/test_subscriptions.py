"""What may be subscribed to, and who hears what."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.notifications.domain import subscriptions
from leadgen.notifications.domain.subscriptions import EVENTS, GROUPS, Subscription, SubscriptionInvalid
from leadgen.notifications.service.trial_events import EXAMPLES

SPECIFIED = {
    "lead.received", "lead.validated", "lead.delivered", "lead.accepted", "lead.rejected", "invoice.generated",
    "payment.received", "buyer.balance_threshold",
}  # fmt: skip
OURS = {
    "lead.routed", "lead.unrouted", "lead.billed", "lead.returned", "delivery.failed", "delivery.rejected",
    "credit_note.issued", "buyer.credit_limit_near", "audit.failed", "payment.failed",
}  # fmt: skip


def test_every_event_may_be_subscribed_to_and_no_wake_up() -> None:
    assert set(EVENTS) == SPECIFIED | OURS
    assert EXAMPLES.keys() == set(EVENTS)


@given(
    owner=st.none() | st.integers(1, 5),
    events=st.lists(st.sampled_from(["*", *GROUPS, *EVENTS]), min_size=1),
    event=st.sampled_from(EVENTS),
    ids=st.dictionaries(st.sampled_from(["lead_id", "buyer_id", "invoice_id"]), st.integers(1, 5)),
)
def test_a_buyer_s_subscription_takes_only_what_names_the_buyer(
    owner: int | None, events: list[str], event: str, ids: dict[str, int]
) -> None:
    takes = subscriptions.takes(Subscription(1, owner, tuple(events)), event, ids)
    chosen = any(one == "*" or one == event or one == event.split(".")[0] + ".*" for one in events)
    assert takes == (chosen and (owner is None or ids.get("buyer_id") == owner))


def test_a_filter_is_kept_in_one_order_each_name_once() -> None:
    assert subscriptions.chosen([" Lead.Billed", "lead.*", "lead.billed", ""]) == ("lead.*", "lead.billed")


@pytest.mark.parametrize(
    "names", [[], [""], ["lead"], ["lead.sold"], ["delivery.due"], ["notice.due"], ["lead.**"], ["%"]]
)
def test_what_is_no_event_is_told_with_what_there_is(names: list[str]) -> None:
    with pytest.raises(SubscriptionInvalid, match=r"there are \*, lead\.\*"):
        subscriptions.chosen(names)


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "http://127.0.0.1:8026/", "https://example.com:8443/a?b=c", " https://example.com/a "],
)
def test_an_address_is_kept_as_written(url: str) -> None:
    assert subscriptions.checked_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com/a", "ftp://example.com", "https://", "https:///path", "https://u:p@example.com/",
        "https://u@example.com", "https://example.com/#a", "https://example.com/a b", "https://exämple.com",
        "https://example.com:port/", "https://example.com:99999/", "https://[::1", "https://example.com\\@evil/",
        "http:/\t/127.0.0.1", "https://example.com/" + "a" * 500, "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SubscriptionInvalid, match="url"):
        subscriptions.checked_url(url)


@given(raw=st.binary(min_size=24, max_size=64))
def test_a_secret_of_24_to_64_bytes_is_taken(raw: bytes) -> None:
    assert base64.b64decode(subscriptions.checked_secret(subscriptions.secret(raw)).removeprefix("whsec_")) == raw


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("v1,whsec_" + "A" * 44, "begins with v1"),
        ("A" * 44, "write whsec_"),
        ("whsec_" + "A" * 28, "24 to 64"),
        ("whsec_" + "A" * 200, "24 to 64"),
        ("whsec_not base64!", "24 to 64"),
        ("", "write whsec_"),
    ],
)
def test_what_is_no_secret_is_told_why_and_not_repeated(secret: str, why: str) -> None:
    with pytest.raises(SubscriptionInvalid, match=why) as told:
        subscriptions.checked_secret(secret)
    assert not secret or secret not in str(told.value)
