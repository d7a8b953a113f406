"""The facts that validation decides on: looked up or derived from the lead, without personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from leadgen.leads.domain.conditions import NOTHING_OBSERVED, Observed
from leadgen.leads.domain.consent import NO_EVIDENCE, Evidence
from leadgen.leads.domain.contacts import Email, Phone, PostalCode
from leadgen.leads.domain.lead import Lead


@dataclass(frozen=True)
class LookedUp:
    """What cannot be seen on the lead itself.

    ``suppressed`` names the lists it stands on. Posts are those of its address or number in the policy's window, itself
    included; None where no policy uses it or the lead has none. ``disposable`` are operators' words on its mail
    domain and those it lies under; ``accepts_mail`` is None where it is not known.
    """

    suppressed: tuple[str, ...] = ()
    ip_posts: int | None = None
    phone_posts: int | None = None
    ip_country: str | None = None
    disposable: Mapping[str, bool] = field(default_factory=dict)
    accepts_mail: bool | None = None
    is_released: bool = False


NOTHING_LOOKED_UP = LookedUp()


@dataclass(frozen=True)
class Observations:
    """A lead as validation sees it. What the policy does not use is not looked at, and None here."""

    lead: Lead
    phone: Phone | None = None
    email: Email | None = None
    postal_code: PostalCode | None = None
    consent: Evidence = NO_EVIDENCE
    suppressed: tuple[str, ...] = ()
    ip_posts: int | None = None
    phone_posts: int | None = None
    ip_country: str | None = None
    seconds_to_fill: Decimal | None = None
    is_released: bool = False
    scored: Observed = NOTHING_OBSERVED
    conditions: Observed = NOTHING_OBSERVED
