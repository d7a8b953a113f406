"""Exports the configuration as files, one for each market and vertical, without secrets."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import yaml
from psycopg import Connection

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.service import export_money
from leadgen.configuration.store import parties, state
from leadgen.configuration.store.state import StoredArea, StoredBuyer, StoredEnrollment, StoredOffer
from leadgen.kernel.errors import PolicyInvalid
from leadgen.routing.domain.policy import parse_routing
from leadgen.validation.domain.policy import parse_validation

Fields = dict[str, Any]
Row = TypeVar("Row")


@dataclass(frozen=True)
class ExportedFile:
    """A file's name and content: text, numbers, flags, lists and sections of these."""

    name: str
    content: Mapping[str, Any]

    def text(self) -> str:
        """The file as YAML."""
        return yaml.dump(
            _verbatim(self.content),
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=120,
            default_flow_style=False,
        )

    def plain(self) -> dict[str, Any]:
        """The file as plain JSON."""
        return {"name": self.name, "content": _plain(self.content)}


def files(conn: Connection[Any]) -> list[ExportedFile]:
    """Everything that is configured. Applying it changes nothing."""
    stored = _Stored(conn)
    exported: list[ExportedFile] = []
    seen: set[int] = set()
    for offers in _grouped(stored.offers, lambda offer: (offer.market_id, offer.vertical)).values():
        # A buyer that serves the market, but is enrolled in none of its offers, stands in the market's first file.
        is_first = offers[0].market_id not in seen
        seen.add(offers[0].market_id)
        content = _file(stored, offers, is_first=is_first, names_seller=not exported)
        exported.append(ExportedFile(_name(offers[0], exported), content))
    return exported


class _Stored:
    """All there is, by what it belongs to."""

    def __init__(self, conn: Connection[Any]) -> None:
        self.offers = state.offers(conn)
        self.buyers = state.buyers(conn)
        self.emails = {buyer.id: buyer.email for buyer in self.buyers}
        self.sources = _grouped(state.sources(conn), lambda source: source.offer_id)
        self.enrollments = _grouped(state.enrollments(conn), lambda enrollment: enrollment.buyer_id)
        self.areas = _grouped(state.areas(conn), lambda area: (area.buyer_id, area.market_id))
        self.exclusivities = _grouped(state.exclusivities(conn), lambda exclusivity: exclusivity.offer_id)
        self.seller = parties.seller(conn)
        self.publishers = parties.publishers(conn)
        self.places = _grouped(state.places(conn), lambda place: place.market_id)
        self._markets = {offer.id: offer.market_id for offer in self.offers}

    def is_enrolled_in(self, buyer: StoredBuyer, market_id: int) -> bool:
        return any(self._markets[enrollment.offer_id] == market_id for enrollment in self.enrollments.get(buyer.id, ()))


def _grouped(rows: Sequence[Row], key: Any) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def _name(offer: StoredOffer, exported: Sequence[ExportedFile]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", f"{offer.market} {offer.vertical}".lower()).strip("-")
    taken = {file.name for file in exported}
    names = (f"{base}{suffix}.yaml" for suffix in ["", *(f"-{number}" for number in range(2, len(taken) + 3))])
    return next(name for name in names if name not in taken)


def _file(stored: _Stored, offers: Sequence[StoredOffer], *, is_first: bool, names_seller: bool) -> Fields:
    market = offers[0]
    return _present(
        market=_present(
            name=market.market,
            country_code=market.country_code,
            region_code=market.region_code,
            timezone=market.timezone,
            currency=market.currency,
            is_active=_unless_active(market.market_active),
            places=[
                {"postal_code": place.postal_code, "latitude": place.latitude, "longitude": place.longitude}
                for place in stored.places.get(market.market_id, ())
            ],
        ),
        vertical=_present(
            slug=market.vertical, name=market.vertical_name, is_active=_unless_active(market.vertical_active)
        ),
        seller=export_money.seller(stored.seller) if names_seller else None,
        publishers=list(_publishers(stored, offers)),
        offers=[_offer(stored, offer) for offer in offers],
        buyers=list(_buyers(stored, offers, is_first=is_first)),
    )


def _publishers(stored: _Stored, offers: Sequence[StoredOffer]) -> Iterator[Fields]:
    """The owners of the offers' sources; who owns none of any offer stands in the first file of its currency."""
    sources = stored.sources
    here = {source.publisher for offer in offers for source in sources.get(offer.id, ())}
    anywhere = {source.publisher for found in sources.values() for source in found}
    for publisher in stored.publishers:
        first = next((offer for offer in stored.offers if offer.currency == publisher.currency), None)
        if publisher.name in here or (publisher.name not in anywhere and first is offers[0]):
            yield _present(
                name=publisher.name,
                email=publisher.email,
                timezone=None if publisher.timezone == "UTC" else publisher.timezone,
            )


def _offer(stored: _Stored, offer: StoredOffer) -> Fields:
    return _present(
        name=offer.name,
        price=offer.price,
        invoice_threshold=offer.invoice_threshold,
        is_active=_unless_active(offer.is_active),
        returns=export_money.returns(offer.returns),
        validation_policy=_present(
            name=offer.validation_name,
            version=None if offer.validation_latest else offer.validation_version,
            rules=_rules(offer.rules),
        ),
        routing_policy=_present(
            name=offer.routing_name,
            version=None if offer.routing_latest else offer.routing_version,
            config=_config(offer.config, stored.emails),
        ),
        sources=[
            _present(
                source_key=source.source_key,
                kind=source.kind,
                name=source.name,
                hostname=source.hostname,
                path_prefix=source.path_prefix,
                api_key_sha256=source.api_key_sha256,
                is_active=_unless_active(source.is_active),
                publisher=source.publisher,
                earning=export_money.earning(source.earning),
            )
            for source in stored.sources.get(offer.id, ())
        ],
        exclusivities=[
            {exclusivity.scope_type: exclusivity.scope_value, "buyer": exclusivity.buyer}
            for exclusivity in stored.exclusivities.get(offer.id, ())
        ],
    )


def _rules(rules: Fields) -> Fields:
    """The rules in the order they are checked in. What does not parse is written as it stands, for a person to mend."""
    try:
        return parse_validation(rules, label="").model_dump(mode="json", exclude_unset=True)
    except PolicyInvalid:
        return rules


def _config(config: Fields, emails: Mapping[int, str]) -> Fields:
    try:
        ordered = parse_routing(config, label="").model_dump(mode="json", exclude_unset=True)
        ordered = {"strategy": ordered.pop("strategy"), **ordered}
    except PolicyInvalid:
        ordered = config
    if isinstance(ordered.get("weights"), dict):
        ordered["weights"] = {
            emails.get(int(key), key) if key.isdecimal() else key: weight for key, weight in ordered["weights"].items()
        }
    return ordered


def _buyers(stored: _Stored, offers: Sequence[StoredOffer], *, is_first: bool) -> Iterator[Fields]:
    market = offers[0]
    names = {offer.id: offer.name for offer in offers}
    for buyer in stored.buyers:
        areas = stored.areas.get((buyer.id, market.market_id), [])
        enrollments = [found for found in stored.enrollments.get(buyer.id, ()) if found.offer_id in names]
        if enrollments or (is_first and areas and not stored.is_enrolled_in(buyer, market.market_id)):
            zone = ZoneInfo(market.timezone)
            yield _buyer(buyer, areas, [_enrollment(found, names[found.offer_id], zone) for found in enrollments])


def _buyer(buyer: StoredBuyer, areas: Sequence[StoredArea], enrollments: Sequence[Fields]) -> Fields:
    return _present(
        name=buyer.name,
        company=buyer.company,
        email=buyer.email,
        phone=buyer.phone,
        webhook_url=buyer.webhook_url,
        webhook_secret_sha256=buyer.webhook_secret_sha256,
        email_notifications=False if not buyer.email_notifications else None,
        sms_notifications=buyer.sms_notifications or None,
        is_active=_unless_active(buyer.is_active),
        credit_limit=buyer.credit_limit,
        billing_cycle=buyer.billing_cycle,
        billing=export_money.billing(buyer.billing),
        service_areas=_areas(areas),
        offers=enrollments,
    )


def _areas(areas: Sequence[StoredArea]) -> Fields:
    values: dict[str, list[str]] = defaultdict(list)
    for area in areas:
        values[area.scope_type].append(area.scope_value)
    return _present(
        whole_market=True if "market" in values else None,
        postal_codes=values["postal_code"],
        cities=values["city"],
        regions=values["region"],
        radius=[
            {"postal_code": center, "km": Decimal(kilometers.removesuffix("km"))}
            for center, _, kilometers in (value.rpartition(" ") for value in values["radius"])
        ],
    )


def _enrollment(enrollment: StoredEnrollment, offer: str, zone: ZoneInfo) -> Fields:
    terms = asdict(enrollment)
    del terms["buyer_id"], terms["offer_id"]
    pause = enrollment.pause_until
    return _present(
        offer=offer,
        **{
            **terms,
            "is_active": _unless_active(enrollment.is_active),
            "returns": export_money.returns(enrollment.returns),
            "pause_until": pause.astimezone(zone).isoformat() if isinstance(pause, datetime) else None,
        },
    )


def _unless_active(is_active: bool) -> bool | None:
    """None where it is active, which is the default."""
    return None if is_active else False


def _present(**fields: Any) -> Fields:
    """The fields that are not empty."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal():
            return str(value)
        case _:
            return value


def _verbatim(value: Any) -> Any:
    """The values so that they mean just that when they are read; names of fields always do."""
    match value:
        case Mapping():
            return {key: _verbatim(item) for key, item in value.items()}
        case list() | tuple():
            return [_verbatim(item) for item in value]
        case str():
            return yaml_reader.verbatim(value)
        case _:
            return value


class _Dumper(yaml.SafeDumper):
    """Writes short sections and lists of plain values on one line, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_LONGEST_LINE = 80


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple)


def _represent_section(dumper: _Dumper, section: Mapping[str, Any]) -> yaml.Node:
    is_short = all(_is_scalar(value) for value in section.values()) and (
        sum(len(str(key)) + len(str(value)) + 4 for key, value in section.items()) <= _LONGEST_LINE
    )
    return dumper.represent_mapping("tag:yaml.org,2002:map", section.items(), flow_style=is_short)


def _represent_list(dumper: _Dumper, items: Sequence[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=all(_is_scalar(item) for item in items))


_Dumper.add_representer(dict, _represent_section)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)
_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", f"{value:f}"))
