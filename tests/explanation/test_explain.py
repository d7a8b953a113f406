"""Why a lead went where it went: on the command line and over HTTP."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.access import adapters as tokens
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, a_lead, a_market, a_source, an_enrollment, an_offer, insert, prepaid
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages
from tests.support.stages.routing import a_valid_lead, buyers_of, route

Capsys = pytest.CaptureFixture[str]
LARGE = {"all": [{"field": "rooms", "at_least": 9}, {"field": "email", "ends_with": ".org"}]}
PREMIUM = {"type": "flat", "value": 5, "days": ["wed"], "start": "00:00", "end": "24:00"}


def run(capsys: Capsys, *arguments: object) -> tuple[int, str, str]:
    """A command's exit status, and what it said on both streams."""
    status = cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def explained(capsys: Capsys, *arguments: object) -> str:
    """What a person reads; held to a width of 100 columns."""
    status, said, _ = run(capsys, "explain", *arguments)
    assert status == cli.DONE
    assert max(len(line) for line in said.splitlines()) <= 100
    return said


def row_of(said: str, name: str) -> str:
    """A table's row, its blanks folded."""
    table = said[said.index("\nBUYER ") :]
    return next(" ".join(line.split()) for line in table.splitlines() if line.startswith(name))


def ask(functions: Functions, lead: int) -> Any:
    token = tokens.issue(SECRET_KEY, subject="op", role="operator", now=clock.now(), lifetime=timedelta(hours=1))
    path = f"/api/leads/{lead}/decisions"
    answer = functions.client("api").get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.json()


def verdicts(functions: Functions, lead: int) -> dict[str, Any]:
    """By buyer's name, its verdict in the last routing decision, as the API tells it."""
    return {verdict["buyer"]: verdict for verdict in ask(functions, lead)["decisions"][-1]["verdicts"]}


def words(verdict: Any) -> list[str]:
    return [change["words"] for change in verdict["smallest_changes"]]


@pytest.fixture
def roofs(conn: Connection[Any]) -> int:
    """An offer in Denver whose leads cost 5.00 more on Wednesdays."""
    policy = insert(conn, "routing_policies", name="Roof routing", version=4,
                    config={"strategy": "priority_based", "pricing": {"time_of_day_premiums": [PREMIUM]}})  # fmt: skip
    return an_offer(conn, name="Roofs", market_id=a_market(conn, name="Denver"), routing_policy_id=policy,
                    rules={"allowed_postal_codes": ["80014"]})  # fmt: skip


@pytest.fixture
def page(conn: Connection[Any], roofs: int) -> int:
    return a_source(conn, roofs, source_key="roofs-page")


def enrolled(conn: Connection[Any], offer: int, name: str, **values: Any) -> int:
    """A buyer enrolled long ago; its id."""
    buyer = a_buyer(conn, name=name, email=f"{name.split()[0].lower()}@example.com")
    an_enrollment(conn, buyer, offer, created_at="2026-01-01T00:00:00Z", **values)
    return buyer


def test_every_buyer_looked_at_has_a_verdict_with_rule_value_limit_and_change(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    rocky = enrolled(conn, roofs, "Rocky Roofs", routing_priority=30)
    enrolled(conn, roofs, "Lofty Lids", routing_priority=10)
    enrolled(conn, roofs, "Small Shingles", routing_priority=40, filter=LARGE)
    enrolled(conn, roofs, "Top Tiles", routing_priority=50, capacity_per_day=1, min_balance_required="15.00")
    lead = a_valid_lead(conn, page, attributes={"rooms": 5})
    conn.execute(
        """
        INSERT INTO capacity_counters (buyer_offer_id, period, starts_at, claimed)
        SELECT id, 'day', '2026-06-17T06:00:00Z', 3 FROM buyer_offers WHERE capacity_per_day = 1
        """
    )
    route(functions, lead, at=now)

    said = explained(capsys, lead)
    assert "Routing: routed\n2026-06-17 06:00:00, policy Roof routing version 4\n" in said
    assert "Rocky Roofs has it: priority 30." in said
    assert "Price 50.00 USD = offer_default 45.00 + time_of_day_premium 5.00" in said
    assert f"Status delivered: claimed for Rocky Roofs ({rocky}) for 50.00 USD, not delivered yet" in said
    conn.execute("UPDATE deliveries SET status = 'succeeded', next_attempt_at = NULL, settled_at = now()")
    assert f"Status delivered: sold to Rocky Roofs ({rocky}) for 50.00 USD" in explained(capsys, lead)
    assert row_of(said, "Rocky") == "Rocky Roofs won priority 30"
    assert row_of(said, "Lofty") == "Lofty Lids lost priority 10 against"  # the number is on the next line
    assert row_of(said, "Top").endswith("ineligible capacity_per_day 3 1 capacity_per_day 1 →")  # as above
    assert "prepay 15.00 USD" in said

    (decision,) = ask(functions, lead)["decisions"]
    assert (decision["policy_name"], decision["policy_version"], decision["stage"]) == ("Roof routing", 4, "routing")
    assert len(decision["verdicts"]) == len(decision["trace"]["verdicts"]) == 4
    assert decision["inputs"]["facts"]["postal_code"] == "80014"
    found = verdicts(functions, lead)
    assert found["Lofty Lids"]["words"] == "priority 10 against 30"
    assert {name: verdict["verdict"] for name, verdict in found.items()} == {
        "Rocky Roofs": "won", "Lofty Lids": "lost", "Small Shingles": "ineligible", "Top Tiles": "ineligible",
    }  # fmt: skip
    top, small = found["Top Tiles"], found["Small Shingles"]
    assert (top["rule"], top["value"], top["limit"]) == ("capacity_per_day", 3, 1)
    assert top["smallest_changes"] == [
        {"rule": "capacity_per_day", "field": "capacity_per_day", "from": 1, "to": 4,
         "words": "capacity_per_day 1 → 4"},
        {"rule": "min_balance_required", "field": "wallet", "from": "0.00", "to": "15.00", "words": "prepay 15.00 USD"},
    ]  # fmt: skip
    assert words(small) == ["a lead with rooms at least 9 (is 5)", "a lead with email ends with .org (is withheld)"]
    assert found["Rocky Roofs"]["smallest_changes"] == found["Lofty Lids"]["smallest_changes"] == []


def test_the_smallest_change_made_in_the_database_sells_the_lead(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime
) -> None:
    buyer = enrolled(conn, roofs, "Rocky", capacity_per_hour=0, budget_per_week="49.99", min_balance_required="20.00",
                     is_active=False, pause_until=now + timedelta(days=1), area=("city", "Boulder"))  # fmt: skip
    insert(conn, "offer_exclusivities", offer_id=roofs, buyer_id=buyer, scope_type="postal_code", scope_value="80014")
    conn.execute("UPDATE buyers SET credit_limit = 40, is_active = false, email_notifications = false")
    lead = a_valid_lead(conn, page)
    assert route(functions, lead, at=now) == ["unrouted"]
    changes = {c["field"]: c["to"] for c in verdicts(functions, lead)["Rocky"]["smallest_changes"]}
    assert changes == {
        "buyer_active": True, "enrolled": True, "area": "postal_code 80014", "pause_until": now.isoformat(),
        "capacity_per_hour": 1, "budget_per_week": "50.00", "wallet": "20.00", "reachable": True,
    }  # fmt: skip
    conn.execute("UPDATE buyers SET is_active = true, email_notifications = true")
    conn.execute("UPDATE buyer_offers SET is_active = true, pause_until = %s, capacity_per_hour = 1,"
                 " budget_per_week = 50.00", (now,))  # fmt: skip
    conn.execute("UPDATE buyer_service_areas SET scope_type = 'postal_code', scope_value = '80014'")
    prepaid(conn, buyer, "19.99")
    assert route(functions, lead, at=now) == ["unrouted"]
    assert words(verdicts(functions, lead)["Rocky"]) == ["prepay 0.01 USD"]
    prepaid(conn, buyer, "0.01")
    assert route(functions, lead, at=now) == ["routed"]
    assert buyers_of(conn, lead) == [buyer]


def test_each_stage_is_told_and_of_several_attempts_the_last_in_full(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    enrolled(conn, roofs, "Rocky", capacity_per_day=0)
    lead = a_lead(conn, page)
    functions.module("validate").process(messages("lead.received", [lead]), now)
    for minutes in (0, 15):
        route(functions, lead, at=now + timedelta(minutes=minutes))
    said = explained(capsys, lead)
    assert said.index("Duplicates: not_duplicate (disabled)") < said.index("Validation: validated")
    assert "ok allowed_postal_codes 80014 [80014]" in [" ".join(line.split()) for line in said.splitlines()]
    assert ("Routing, attempt 1 of 2: unrouted (no_eligible_buyer), 2026-06-17 06:00:00, "
            "buyers considered: 1, policy Roof routing version 4") in " ".join(said.split())  # fmt: skip
    assert "Routing, attempt 2 of 2: unrouted (no_eligible_buyer)\n2026-06-17 06:15:00" in said
    assert "Every buyer whose service area covers the lead is ineligible." in said
    assert "Status validated: without a buyer (no_eligible_buyer), tried again at 2026-06-17 06:30:00" in said
    assert said.count("capacity_per_day 0 → 1") == 1
    assert explained(capsys, lead, "--all").count("capacity_per_day 0 → 1") == 2


def test_enrolled_buyers_who_serve_other_places_are_named_up_to_twenty_and_then_counted(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    enrolled(conn, roofs, "Rocky")
    for number in range(21):
        enrolled(conn, roofs, f"Far{number:02} Flats", area=("postal_code", "99999"))
    enrolled(conn, roofs, "Gone Gables", area=None, is_active=False)
    late = a_buyer(conn, name="Late Lofts")
    an_enrollment(conn, late, roofs, area=None, created_at=now + timedelta(days=1))
    lead = a_valid_lead(conn, page)
    route(functions, lead, at=now)
    said = " ".join(explained(capsys, lead).split())
    assert "as their service areas do not cover 80014 (add service area postal_code 80014): Far00 Flats" in said
    assert " and 1 more " in said
    assert "Far20" not in said
    assert "Gone" not in said
    assert "Late" not in said
    status, out, _ = run(capsys, "explain", lead, "--json")
    beside = json.loads(out)["not_looked_at"]
    assert (status, beside["count"], len(beside["buyers"])) == (cli.DONE, 21, 20)
    assert words(beside) == ["add service area postal_code 80014"]


def test_one_buyer_is_shown_with_every_rule_by_its_id_or_its_address(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    buyer = enrolled(conn, roofs, "Rocky", capacity_per_day=0)
    far = enrolled(conn, roofs, "Far", area=None)
    enrolled(conn, roofs, "Other")
    lead = a_valid_lead(conn, page)
    route(functions, lead, at=now)
    said = explained(capsys, lead, "--buyer", buyer)
    assert explained(capsys, lead, "--buyer", " ROCKY@example.com") == said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert f"Rocky ({buyer}): ineligible" in lines
    assert "ok service_area postal_code 80014 80014" in lines
    assert "NO capacity_per_day 0 0" in lines
    assert lines[lines.index("The smallest change that would have made it eligible:") + 1] == "capacity_per_day 0 → 1"
    assert not any(line.startswith("Other (") for line in lines)
    assert f"Far ({far}) was not considered: no service area of it covers 80014." in explained(
        capsys, lead, "--buyer", far
    )
    of_json = json.loads(run(capsys, "explain", lead, "--buyer", buyer, "--json")[1])
    assert [v["buyer"] for v in of_json["decisions"][0]["verdicts"]] == ["Rocky"]


def test_a_buyer_who_is_nobody_or_not_enrolled_is_a_clear_error(
    conn: Connection[Any], functions: Functions, page: int, capsys: Capsys
) -> None:
    stranger = a_buyer(conn, name="Stranger")
    lead = a_valid_lead(conn, page)
    assert run(capsys, "explain", lead, "--buyer", "no@example.com") == (
        cli.FAILED, "", "there is no buyer no@example.com: name one by its id or its e-mail address\n",
    )  # fmt: skip
    status, said, problem = run(capsys, "explain", lead, "--buyer", stranger)
    assert (status, said) == (cli.FAILED, "")
    assert problem == f"Stranger ({stranger}) is not enrolled in Roofs, the offer of lead {lead}\n"


@pytest.mark.parametrize("command", ["explain", "verify-decisions"])
@pytest.mark.parametrize("lead", [7, 99_999_999_999])
def test_a_lead_that_is_not_there_is_a_clear_error(
    conn: Connection[Any], capsys: Capsys, command: str, lead: int
) -> None:
    assert run(capsys, command, lead) == (cli.FAILED, "", f"there is no lead {lead}\n")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "received: waits for validation"),
        ({"status": "validated"}, "validated: waits for routing"),
        ({"status": "rejected", "rejection_reason": "given_up"}, "rejected: given_up"),
        ({"in_review_since": "2026-06-17T12:00:00Z", "review_reason": "policy_invalid", "review_detail": "no strategy"},
         "received: waits for a person since 2026-06-17 06:00:00, policy_invalid (no strategy)"),
        ({"released_at": "2026-06-17T12:00:00Z"},
         "received: waits for validation\nReleased from review by a person 2026-06-17 06:00:00"),
    ],
    ids=["received", "validated", "rejected", "in review", "released"],
)  # fmt: skip
def test_a_lead_without_a_decision_says_in_which_state_it_is(
    conn: Connection[Any], page: int, capsys: Capsys, state: dict[str, Any], said: str
) -> None:
    lead = a_lead(conn, page, created_at="2026-06-17T11:00:00Z", **state)
    assert explained(capsys, lead) == (
        f"Lead {lead}: Roofs in Denver, postal code 80014\n"
        "Received 2026-06-17 05:00:00 (America/Denver) from roofs-page\n"
        f"Status {said}\n\nNothing has been decided about it yet.\n"
    )
    assert run(capsys, "verify-decisions", lead)[:2] == (cli.DONE, "0 decisions: nothing was decided yet.\n")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"is_active": False}, "The offer, its market or its vertical is not active: no buyer could have had it."),
        ({"config": {"strategy": "exclusive_zip"}},
         "Nobody has the area exclusively, and the policy sells to nobody else."),
    ],
    ids=["offer_inactive", "no_exclusive_buyer"],
)  # fmt: skip
def test_what_no_buyer_could_have_changed_is_said_so(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys, values: dict[str, Any], said: str
) -> None:
    offer = an_offer(conn, **values)
    enrolled(conn, offer, "Rocky")
    lead = a_valid_lead(conn, a_source(conn, offer))
    route(functions, lead, at=now)
    assert said in explained(capsys, lead)
    assert " eligible " in row_of(explained(capsys, lead), "Rocky")


@pytest.mark.parametrize("fallback", ["fail_closed", "fallback_allowed"])
def test_an_exclusive_buyer_who_cannot_is_named(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys, fallback: str
) -> None:
    offer = an_offer(conn, config={"strategy": "priority_based", "exclusivity": {"fallback": fallback}})
    owner = enrolled(conn, offer, "Owner", capacity_per_day=0)
    enrolled(conn, offer, "Other")
    insert(conn, "offer_exclusivities", offer_id=offer, buyer_id=owner, scope_type="postal_code", scope_value="80014")
    lead = a_valid_lead(conn, a_source(conn, offer))
    route(functions, lead, at=now)
    said = {
        "fail_closed": "The area is exclusively Owner's, who cannot take it, and the policy has no fallback.",
        "fallback_allowed": "Other has it: priority 1; Owner, who has the area exclusively, cannot take it.",
    }
    assert said[fallback] in explained(capsys, lead)


def test_conditions_read_as_sentences_and_what_is_missing_is_called_so(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys
) -> None:
    asked = {"all": [{"field": "rooms", "at_least": 3}, {"any": [{"field": "roof", "in": ["tile", "flat"]},
             {"not": {"field": "age", "present": True}}]}]}  # fmt: skip
    rules = {"required_fields": ["attributes.job"], "conditions": asked, "fraud_detection": {"flag_at": 1}}
    offer = an_offer(conn, rules=rules)
    buyer = enrolled(conn, offer, "Rocky")
    lead = a_lead(conn, a_source(conn, offer), attributes={"rooms": 4})
    functions.module("validate").process(messages("lead.received", [lead]), now)
    said = " ".join(explained(capsys, lead, "--buyer", buyer).split())
    assert "rooms at least 3 and (roof in [tile, flat] or not age present yes)" in said
    assert "NO required_fields missing: [attributes.job] [attributes.job]" in said
    assert "ok suppression none none" in said
    assert "parts: none" in said
    assert said.endswith(f"Rocky ({buyer}) was not considered: the lead has not been routed.")


def test_the_command_and_the_api_tell_the_same(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    enrolled(conn, roofs, "Rocky", filter=LARGE)
    lead = a_lead(conn, page)
    functions.module("validate").process(messages("lead.received", [lead]), now)
    route(functions, lead, at=now)
    shown = json.loads(run(capsys, "explain", lead, "--json")[1])
    assert shown["decisions"] == ask(functions, lead)["decisions"]
    assert (shown["lead"]["lead_id"], shown["lead"]["status"], shown["buyer"]) == (lead, "validated", None)


def test_no_name_address_or_number_of_the_lead_is_told(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    mine = {"any": [{"field": name, "equals": "no"} for name in ("name", "email", "phone", "message", "mobile")]}
    enrolled(conn, roofs, "Rocky", filter=mine)
    lead = a_lead(conn, page, name="Zoë Sentinel", email="sentinel@example.org", phone="+13035559876",
                  message="call Sentinel", attributes={"mobile": "+1 303 555 98 76"})  # fmt: skip
    functions.module("validate").process(messages("lead.received", [lead]), now)
    route(functions, lead, at=now)
    for told in (explained(capsys, lead), run(capsys, "explain", lead, "--json")[1], str(ask(functions, lead))):
        assert "withheld" in told
        assert "entinel" not in told
        assert "9876" not in told.replace(" ", "")


def test_what_a_stranger_posts_cannot_write_on_the_terminal(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, now: datetime, capsys: Capsys
) -> None:
    buyer = enrolled(conn, roofs, "Rocky", filter={"field": "rooms", "equals": "many"})
    lead = a_valid_lead(conn, page, attributes={"rooms": "\x1b[2J\nRouting: \x9b31m"})
    route(functions, lead, at=now)
    for said in (explained(capsys, lead), explained(capsys, lead, "--buyer", buyer)):
        assert "\x1b" not in said
        assert "\x9b" not in said
        assert said.count("\nRouting: ") == 1


def test_a_record_from_before_decisions_could_be_made_again_is_still_explained(
    conn: Connection[Any], functions: Functions, roofs: int, page: int, capsys: Capsys
) -> None:
    buyer = enrolled(conn, roofs, "Rocky")
    lead = a_valid_lead(conn, page)
    check = {"rule": "capacity_per_day", "value": 3, "limit": 3, "passed": False}
    insert(conn, "lead_decisions", lead_id=lead, decided_at="2026-06-17T12:00:00Z", stage="routing", outcome="unrouted",
           reason="no_eligible_buyer", policy_id=1, policy_version=1, inputs={"candidates": []},
           trace={"verdicts": [{"buyer_id": buyer, "eligible": False, "checks": [check]}]})  # fmt: skip
    assert "not known: the" in row_of(explained(capsys, lead), "Rocky")
    assert verdicts(functions, lead)["Rocky"]["smallest_changes"] is None
    status, said, _ = run(capsys, "verify-decisions", lead)
    assert status == cli.FAILED
    assert "not verifiable" in said
