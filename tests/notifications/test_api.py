"""Subscribing over HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest
import standardwebhooks
from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.notifications.domain.subscriptions import MOST_IN_FORCE
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, a_subscription
from tests.support.stages.functions import Functions

PATH = "/api/subscriptions"
GOOD = {"url": "https://93.184.216.34/hooks", "events": ["lead.*"]}


@pytest.fixture
def headers() -> dict[str, str]:
    token = tokens.issue(SECRET_KEY, subject="op", role="operator", now=clock.now(), lifetime=timedelta(hours=1))
    return {"Authorization": f"Bearer {token}", "User-Agent": "a test"}


def test_a_subscription_is_made_listed_and_ended(
    conn: Connection[Any], functions: Functions, headers: dict[str, str]
) -> None:
    client = functions.client("api")
    buyer = a_buyer(conn, email="jane@example.com")
    made = client.post(PATH, json=GOOD | {"buyer": "jane@example.com"}, headers=headers)
    assert made.status_code == 201
    said = made.json()
    assert (said["buyer_id"], said["events"]) == (buyer, ["lead.*"])
    standardwebhooks.Webhook(said["secret"])
    (listed,) = client.get(PATH, headers=headers).json()["subscriptions"]
    assert (listed["url"], listed["buyer"]) == (GOOD["url"], "jane@example.com")
    assert said["secret"] not in str(listed)
    ended = client.delete(f"{PATH}/{said['subscription_id']}", headers=headers)
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    assert client.get(PATH, headers=headers).json() == {"subscriptions": []}
    assert client.delete(f"{PATH}/{said['subscription_id']}", headers=headers).status_code == 404
    audited = conn.execute("SELECT action, after_state->>'by', user_agent FROM audit_logs ORDER BY id").fetchall()
    assert audited == [("subscription.create", "op", "a test"), ("subscription.end", "op", "a test")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "url: "),
        (GOOD | {"events": "lead.*"}, "events: "),
        (GOOD | {"events": ["lead.sold"]}, "no event: 'lead.sold'"),
        (GOOD | {"color": "red"}, "color: "),
        (GOOD | {"secret": "weak"}, "whsec_"),
        (GOOD | {"buyer": "nobody@example.com"}, "there is no buyer"),
        (GOOD | {"url": "https://10.0.0.1/"}, "url: "),
        (GOOD | {"url": "http://93.184.216.34/"}, "url: "),
        (GOOD | {"url": "nonsense"}, "url"),
    ],
)
def test_what_cannot_be_subscribed_to_is_a_bad_request(
    conn: Connection[Any], functions: Functions, headers: dict[str, str], body: dict[str, Any], why: str
) -> None:
    answer = functions.client("api").post(PATH, json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert why in answer.json()["error"]["message"]
    assert conn.execute("SELECT count(*) FROM subscriptions").fetchone() == (0,)


def test_without_a_token_nothing_is_done(conn: Connection[Any], functions: Functions) -> None:
    subscription = a_subscription(conn, "https://example.com/")
    client = functions.client("api")
    for answer in (client.get(PATH), client.post(PATH, json=GOOD), client.delete(f"{PATH}/{subscription}")):
        assert answer.status_code == 401
    assert conn.execute("SELECT count(*), count(ended_at) FROM subscriptions").fetchone() == (1, 0)


def test_a_number_that_no_subscription_can_have_is_not_found(
    conn: Connection[Any], functions: Functions, headers: dict[str, str]
) -> None:
    assert functions.client("api").delete(f"{PATH}/99999999999999999999", headers=headers).status_code == 404


def test_an_owner_has_only_so_many_in_force(
    conn: Connection[Any], functions: Functions, headers: dict[str, str]
) -> None:
    """An event goes to all of them: ten thousand would hold up everybody's."""
    buyer = a_buyer(conn)
    for number in range(MOST_IN_FORCE):
        a_subscription(conn, f"https://example.com/{number}")
    client = functions.client("api")
    refused = client.post(PATH, json=GOOD, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
    assert f"has {MOST_IN_FORCE} subscriptions in force" in refused.json()["error"]["message"]
    assert client.post(PATH, json=GOOD | {"buyer": str(buyer)}, headers=headers).status_code == 201
    assert client.delete(f"{PATH}/1", headers=headers).status_code == 200
    assert client.post(PATH, json=GOOD, headers=headers).status_code == 201


def test_a_key_in_the_query_of_an_address_is_shown_to_nobody_else(
    conn: Connection[Any], functions: Functions, headers: dict[str, str]
) -> None:
    client = functions.client("api")
    made = client.post(PATH, json=GOOD | {"url": "https://93.184.216.34/hooks?key=k3y"}, headers=headers)
    (listed,) = client.get(PATH, headers=headers).json()["subscriptions"]
    assert listed["url"] == "https://93.184.216.34/hooks"
    client.delete(f"{PATH}/{made.json()['subscription_id']}", headers=headers)
    audited = conn.execute("SELECT before_state::text, after_state::text FROM audit_logs").fetchall()
    assert len(audited) == 2
    assert "k3y" not in str(audited)
    assert conn.execute("SELECT url FROM subscriptions").fetchall() == [("https://93.184.216.34/hooks?key=k3y",)]


@pytest.mark.parametrize(
    "strange",
    [
        {"buyer": "jane\x00@example.com"},
        {"buyer": "\ud800"},
        {"buyer": "9" * 40},
        {"url": "https://93.184.216.34/\x00"},
    ],
)
def test_what_the_database_cannot_hold_is_a_bad_request(
    conn: Connection[Any], functions: Functions, headers: dict[str, str], strange: dict[str, str]
) -> None:
    sent = json.dumps(GOOD | strange)
    answer = functions.client("api").post(PATH, content=sent, headers=headers | {"Content-Type": "application/json"})
    assert answer.status_code == 400
