"""A market and a vertical the code has never heard of: one file, and a lead is sold there."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.outbound.domain import signing
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions

DENVER_HVAC = """\
market:
  name: Denver, CO
  region_code: US-CO
  timezone: America/Denver

vertical:
  slug: hvac
  name: Heating and cooling

offers:
  - name: Furnaces and heat pumps
    price: 65.00
    invoice_threshold: 60.00
    validation_policy:
      name: denver-hvac
      rules:
        required_fields: [phone, fuel]
        allowed_postal_codes: [80202, 80205, 80210]
        duplicate_detection: {enabled: true, window_hours: 24, action: reject}
    routing_policy:
      name: denver-hvac
      config:
        strategy: priority_based
        unrouted: {action: reject}
    sources:
      - source_key: denver-hvac-web
        kind: landing_page
        name: Furnace page
        hostname: furnaces.denver-hvac.example
        path_prefix: /quote/

buyers:
  - name: Mile High Heating
    email: leads@milehigh-heating.example
    phone: +1 303-555-0150
    webhook_url: ${SINK_URL}/mile-high
    webhook_secret: ${MILE_HIGH_SECRET:-demo-secret-mile-high}
    service_areas:
      postal_codes: [80202, 80205]
    offers:
      - {offer: Furnaces and heat pumps, priority: 10, price: 72.50}
"""


@pytest.fixture
def buyer_endpoint(environment: pytest.MonkeyPatch) -> Iterator[BuyerEndpoint]:
    """Mile High Heating's own server."""
    with BuyerEndpoint() as endpoint:
        environment.setenv("SINK_URL", endpoint.origin)
        environment.setenv("EGRESS_ALLOWED_ORIGINS", endpoint.origin)
        yield endpoint


@pytest.fixture
def denver(buyer_endpoint: BuyerEndpoint, conn: Connection[Any], tmp_path: Path) -> BuyerEndpoint:
    """The market, opened by one command, and the server of its one buyer."""
    file = tmp_path / "denver-hvac.yaml"
    file.write_text(DENVER_HVAC, encoding="utf-8")
    assert cli.main(["config", "apply", str(file)]) == cli.DONE
    return buyer_endpoint


def test_a_lead_is_sold_in_a_new_market_by_configuration_alone(
    denver: BuyerEndpoint, conn: Connection[Any], functions: Functions
) -> None:
    visitor = functions.client(host="furnaces.denver-hvac.example")
    answer = visitor.post(
        "/quote/heat-pump",
        data={
            "name": "Wilhelmina Østergaard",
            "email": "mina@example.com",
            "phone": "(303) 555-0160",
            "postal_code": "80205",
            "fuel": "gas",
        },
    )
    assert answer.status_code == 202
    lead_id = answer.json()["lead_id"]

    functions.drain()

    assert conn.execute(
        """
        SELECT l.status::text, l.billing_status::text, l.price, m.name, v.slug, b.name, d.status
          FROM leads l
          JOIN markets m ON m.id = l.market_id JOIN verticals v ON v.id = l.vertical_id
          JOIN buyers b ON b.id = l.buyer_id JOIN deliveries d ON d.lead_id = l.id
         WHERE l.id = %s
        """,
        (lead_id,),
    ).fetchall() == [("delivered", "billed", Decimal("72.50"), "Denver, CO", "hvac", "Mile High Heating", "succeeded")]
    (received,) = denver.received
    assert received.path == "/mile-high"
    assert json.loads(received.body)["data"]["contact"]["name"] == "Wilhelmina Østergaard"
    assert received.headers["X-Webhook-Signature"] == signing.sign("demo-secret-mile-high", received.body)
    assert conn.execute("SELECT i.total_leads, i.amount_due FROM invoices i").fetchall() == [(1, Decimal("72.50"))]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"postal_code": "80299", "attributes": {"fuel": "gas"}}, "allowed_postal_codes"),
        ({"postal_code": "80202"}, "required_fields"),
        ({"postal_code": "80210", "attributes": {"fuel": "oil"}}, "no_buyer_in_area"),
    ],
)
def test_the_new_markets_own_rules_hold(
    denver: BuyerEndpoint, conn: Connection[Any], functions: Functions, fields: dict[str, Any], reason: str
) -> None:
    post = {"source_key": "denver-hvac-web", "name": "Al", "email": "al@example.com", "phone": "+13035550161", **fields}
    assert functions.client().post("/api/leads", json=post).status_code == 202
    functions.drain()
    assert conn.execute("SELECT status::text, coalesce(validation_reason, rejection_reason) FROM leads").fetchall() == [
        ("rejected", reason)
    ]
    assert denver.received == []
