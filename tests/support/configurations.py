"""Configuration files for tests: one that nothing is wrong with, and ways to change and write it."""

from pathlib import Path

SOUND = """\
market:
  name: Springfield
  timezone: America/Denver
vertical:
  slug: gardening
  name: Gardening
offers:
  - name: Lawns
    price: 45.10
    validation_policy:
      name: lawn rules
      rules:
        allowed_postal_codes: [07030, 80014]
    routing_policy:
      name: lawn routing
      config:
        strategy: priority_based
    sources:
      - source_key: lawns-web
        kind: landing_page
        name: Lawn page
        hostname: lawns.example.com
        path_prefix: /lp/
      - source_key: lawns-partner
        kind: partner_api
        name: Lawn partner
        api_key: ${LAWN_KEY:-a-key-of-the-partner}
    exclusivities:
      - postal_code: 07030
        buyer: green@example.com
buyers:
  - name: Green Gardens
    email: green@example.com
    phone: +1 303-555-0100
    webhook_url: https://green.example.com/leads
    webhook_secret: a-secret-of-green-gardens
    opening_wallet_balance: 100
    service_areas:
      postal_codes: [07030, 80014]
      cities: [Aurora]
    offers:
      - offer: Lawns
        priority: 20
        price: 50
        capacity_per_day: 3
  - name: Blue Gardens
    email: blue@example.com
    phone: +1 303-555-0101
    service_areas:
      postal_codes: [80014]
    offers:
      - offer: Lawns
"""


def changed(*edits: tuple[str, str], text: str = SOUND) -> str:
    """The text with parts replaced; each part must be there, once."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def written(folder: Path, text: str = SOUND, name: str = "springfield.yaml") -> Path:
    """A file with the text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
