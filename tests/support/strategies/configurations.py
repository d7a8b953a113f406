"""Configurations of every shape, for Hypothesis: plain values as a file would have them."""

from datetime import datetime
from typing import Any, get_args

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from leadgen.kernel.calendar import Day

Fields = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def text(configuration: Fields) -> str:
    """A configuration as a file."""
    return yaml.dump(configuration, Dumper=_Dumper, allow_unicode=True, sort_keys=False)


CODES = ("07030", "80014", "80015", "SW1A 1AA")
EMAILS = ("green@example.com", "blue@example.com", "red@example.com")
OFFERS = ("Lawns", "Hedges")

# What YAML, or the reader of variables, could take for something else.
_ODD = (
    "null",
    "yes",
    "0755",
    "1e3",
    "12:30",
    "- a",
    "a: b",
    "# no comment",
    "$${HOME}",
    "$$${A}",
    "it's",
    '"',
    "é – ☃",
    "a\nb",
    "=",
)
names = st.one_of(
    st.sampled_from(_ODD),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
        str.strip
    ),
)
texts = names.map(str.strip).filter(lambda text: text and "${" not in text.replace("$${", ""))
amounts = st.decimals(min_value=1, max_value=500, places=2).map(str)
flags = st.booleans()
codes = st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True)


def sections(required: dict[str, SearchStrategy[Any]], **optional: SearchStrategy[Any]) -> SearchStrategy[Fields]:
    return st.fixed_dictionaries(required, optional=optional)


operands: dict[str, SearchStrategy[Any]] = {
    "present": flags,
    "equals": texts,
    "not_equals": texts,
    "in": st.lists(texts, min_size=1, max_size=3),
    "not_in": st.lists(texts, min_size=1, max_size=3),
    "contains": texts,
    "starts_with": texts,
    "ends_with": texts,
    "matches": texts,
    "more_than": st.integers(-5, 5),
    "at_least": amounts,
    "less_than": amounts,
    "at_most": amounts,
    "between": st.just([1, "2.50"]),
    "before": st.just("2030-01-31"),
    "after": st.dates().map(str),
}
tests = st.one_of(
    *(
        st.fixed_dictionaries({"field": st.sampled_from(["city", "roof_age"]), name: of})
        for name, of in operands.items()
    )
)
conditions: SearchStrategy[Fields] = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
)
points = sections({"points": st.integers(1, 1000)})
rules = sections(
    {},
    email_validation=flags,
    required_fields=st.lists(st.sampled_from(["phone", "roof_age"]), unique=True),
    allowed_postal_codes=codes,
    allowed_country_codes=st.just(["US"]),
    duplicate_detection=sections({}, enabled=flags, window_hours=st.integers(1, 8760), keys=st.just(["email"])),
    conditions=conditions,
    consent=sections({}, given=flags, text_contains=texts, max_age_days=st.integers(1, 99)),
    fraud_detection=sections(
        {},
        disposable_email=points,
        phone_area_mismatch=sections(
            {"points": st.just(5), "postal_prefixes": st.just({"512": ["787"], "020": ["E1"]})}
        ),
        time_to_fill=st.just({"points": 5, "field": "seconds", "under_seconds": "2.5"}),
        reject_at=st.integers(-10, 10),
    ),
    lead_scoring=st.fixed_dictionaries(
        {
            "parts": st.tuples(
                st.fixed_dictionaries({"name": st.just("old"), "points": st.integers(-9, 9), "when": conditions})
            ).map(list)
        }
    ),
)
hours = st.dictionaries(st.sampled_from(get_args(Day)), st.just([["08:00", "12:30"], ["18:00", "02:00"]]), min_size=1)
routing_extras = {
    "acceptance_hours": hours,
    "exclusivity": sections({}, fallback=st.sampled_from(["fail_closed", "fallback_allowed"])),
    "pricing": sections(
        {},
        exclusivity_premium=st.just({"type": "percent", "value": "12.5"}),
        time_of_day_premiums=st.just([{"type": "flat", "value": 5, "days": ["mon"], "start": "18:00", "end": "24:00"}]),
    ),
    "sla": sections({"max_delivery_seconds": st.integers(1, 60)}, percent=st.integers(1, 100)),
    "unrouted": sections({}, action=st.sampled_from(["hold", "reject"]), retry_minutes=st.integers(1, 60)),
}


def routing(strategy: str, **own: SearchStrategy[Any]) -> SearchStrategy[Fields]:
    return sections({"strategy": st.just(strategy), **own}, **routing_extras)


routings = st.one_of(
    routing("priority_based"),
    routing("round_robin"),
    routing("weighted", weights=st.dictionaries(st.sampled_from(EMAILS), st.integers(1, 1000), min_size=1)),
    routing("capacity_based", period=st.sampled_from(["hour", "month"])),
    routing("performance_based", prior_rate=st.sampled_from(["0.5", "1", "0.25"])),
    routing("exclusive_zip"),
)
areas = st.one_of(
    st.just({"whole_market": True}),
    sections(
        {"postal_codes": codes},
        cities=st.just(["Aurora", "Fort Collins"]),
        regions=st.just(["US-CO"]),
        radius=st.lists(
            st.builds(
                lambda code, km: {"postal_code": code, "km": km},
                st.sampled_from(CODES),
                st.sampled_from(["1", "25.5", 100]),
            ),
            unique_by=lambda radius: str(radius["postal_code"]),
            max_size=2,
        ),
    ),
)
constants = st.one_of(
    st.sampled_from(
        [5, -17, 0, True, False, 5.5, 0.0001, 99999999999.9999, "5", "5.50", "true", "1e5", "0x1", "07030", ""]
    ),
    texts.filter(lambda text: not any(ord(character) < 32 for character in text)),
)
entries = st.one_of(
    st.sampled_from(["first_name", "price", "attributes.rooms"]),
    sections(
        {"from": st.just("attributes.moved_at")},
        default=constants,
        date=st.sampled_from(["iso", "%m/%d/%Y %-I:%M %p"]),
        timezone=st.none(),
    ),
    st.sampled_from([{"from": "phone", "phone": "national"}]),
    st.builds(lambda constant: {"constant": constant}, constants),
)
names_of_fields = st.sampled_from(["a", "b", "from_us", "5", "true", "name with space", "~"])
own_fields = st.dictionaries(
    names_of_fields,
    st.one_of(entries, st.dictionaries(names_of_fields, entries, min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)
formats = st.one_of(
    sections({"type": st.just("json"), "fields": own_fields}, missing=st.sampled_from(["omit", "empty"])),
    sections(
        {"type": st.just("form"), "fields": st.dictionaries(st.sampled_from(["a.b", "lead[x]"]), entries, min_size=1)}
    ),
    sections(
        {
            "type": st.just("xml"),
            "fields": st.just({"@id": "lead_id", "z": {"#text": "name", "@a": "city"}, "b.c": "city"}),
        },
        root=st.just("post"),
    ),
    sections(
        {"type": st.just("adf"), "vendor": texts}, details=st.dictionaries(texts, entries, min_size=1, max_size=2)
    ),
)
answer_tests = st.sampled_from(
    [{"path": "a.0.b", "equals": 1}, {"path": "a", "in": ["yes", 5]}, {"path": "b", "present": False}]
)
answers = sections(
    {"type": st.sampled_from(["json", "xml", "form"]), "rejected_when": st.lists(answer_tests, min_size=1, max_size=2)},
    accepted_when=st.lists(answer_tests, max_size=2),
    rejected_statuses=st.just([409, 422]),
    reference=st.just("lead.id"),
    reason=st.just("message"),
    otherwise=st.sampled_from(["accepted", "rejected", "unclear"]),
)
deliveries = sections(
    {}, schedule=st.lists(st.integers(1, 25_000), min_size=1, max_size=10), format=formats, answer=answers
)
limits = st.integers(0, 1000)
# Texts of one line, as they stand on an invoice; a blank around them would be part of them.
lines = texts.filter(lambda text: len(text) > 2)
addresses = sections(
    {"line1": lines, "postal_code": st.just("07030"), "city": lines, "country": st.just("US")},
    line2=lines,
    region=lines,
)
dunnings = sections(
    {},
    reminders=st.lists(st.integers(-60, 365), unique=True, max_size=4).map(sorted),
    pause_after_days=st.integers(0, 365),
)
rates = st.decimals(min_value=0, max_value=100, places=3).map(str)
billings = sections(
    {},
    legal_name=lines,
    address=addresses,
    tax_id=lines,
    tax=st.one_of(sections({}, name=lines, rate=rates), sections({"reverse_charge": st.just(True)}, note=lines)),
    po_number=lines,
    email=st.just("accounts@example.com"),
    terms_days=st.integers(0, 180),
    approval=flags,
    auto_top_up=sections({"below": amounts, "amount": amounts}),
    dunning=dunnings,
)
sellers = sections(
    {"legal_name": lines},
    address=addresses,
    email=st.just("billing@example.com"),
    bank=sections({}, name=lines, iban=st.just("DE89370400440532013000"), routing_number=st.just("021000021")),
    terms_days=st.integers(0, 180),
    dunning=dunnings,
    footer=lines,
)
returns = sections(
    {"reasons": st.just(["invalid_phone", "duplicate"])},
    window_hours=st.integers(1, 8760),
    auto_approve=st.just(["duplicate"]),
    quota=st.one_of(
        sections({"type": st.just("count"), "value": st.integers(0, 99)}),
        sections({"type": st.just("percent"), "value": st.just("12.5")}),
    ),
)
PUBLISHERS = ("Home Pages", "Leads & Co")
owners = sections(
    {"publisher": st.sampled_from(PUBLISHERS)},
    earning=st.one_of(
        sections({"type": st.just("flat"), "value": amounts}),
        sections({"type": st.just("share"), "value": st.sampled_from(["0.001", "35", "12.5"])}),
    ),
)
terms = sections(
    {},
    is_active=flags,
    priority=st.integers(1, 100),
    price=amounts,
    filter=conditions,
    consent=sections({}, certificate=flags, certificate_hosts=st.just(["cert.example.com"])),
    pause_until=st.datetimes(datetime(2030, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 - Hypothesis adds the zone
        lambda instant: f"{instant.isoformat()}-06:00"
    ),
    min_balance_required=amounts,
    webhook_url=st.just("https://green.example.com/own"),
    email=st.just("own@example.com"),
    sms=st.just("+1 303-555-0100"),
    delivery=deliveries,
    returns=returns,
    **{f"capacity_per_{period}": limits for period in ("hour", "day", "week", "month")},
    **{f"budget_per_{period}": amounts for period in ("hour", "day", "week", "month")},
)


@st.composite
def configurations(draw: st.DrawFn) -> Fields:
    """A whole file that nothing is wrong with."""
    policies = [
        {
            "validation_policy": {"name": f"rules {n}", "rules": draw(rules)},
            "routing_policy": {"name": f"routing {n}", "config": draw(routings)},
        }
        for n, _ in enumerate(OFFERS)
    ]
    offers = [
        {
            "name": name,
            "price": draw(amounts),
            "is_active": draw(flags),
            **draw(sections({}, returns=returns)),
            **policies[n],
            "sources": [_source(draw, name)],
        }
        for n, name in enumerate(OFFERS)
    ]
    buyers = [_buyer(draw, email) for email in EMAILS]
    offers[0]["exclusivities"] = draw(
        st.lists(st.sampled_from(CODES), unique=True, max_size=2).map(
            lambda places: [{"postal_code": place, "buyer": EMAILS[0]} for place in places]
        )
    )
    return {
        "market": {"name": draw(texts), "timezone": "America/Denver", "places": _places()},
        "vertical": {"slug": "gardening", "name": draw(texts)},
        **draw(sections({}, seller=sellers)),
        "publishers": [
            {"name": name, "email": "owner@example.com", **draw(sections({}, timezone=st.just("Europe/Berlin")))}
            for name in PUBLISHERS
        ],
        "offers": offers,
        "buyers": buyers,
    }


def _source(draw: st.DrawFn, offer: str) -> Fields:
    return {
        "source_key": offer.lower(),
        "kind": "partner_api",
        **draw(st.one_of(st.just({}), owners)),
        **draw(
            sections(
                {"name": texts},
                hostname=st.just(f"{offer.lower()}.example.com"),
                api_key=st.just("a-key-of-the-partner"),
            )
        ),
    }


def _buyer(draw: st.DrawFn, email: str) -> Fields:
    return {
        "email": email,
        "phone": "+1 303-555-0100",
        "service_areas": draw(areas),
        "offers": [{"offer": offer, **draw(terms)} for offer in OFFERS],
        **draw(
            sections(
                {"name": texts},
                company=texts,
                webhook_secret=st.just("a-secret-of-sixteen"),
                sms_notifications=flags,
                email_notifications=flags,
                is_active=flags,
                credit_limit=amounts,
                billing_cycle=st.sampled_from(["weekly", "monthly"]),
                billing=billings,
            )
        ),
    }


def _places() -> list[Fields]:
    return [{"postal_code": code, "latitude": f"39.{n}", "longitude": f"-104.{n}5"} for n, code in enumerate(CODES)]
