"""Who the creditor is and how to reach an agency: tenants and agency accounts (`events.md`, Configuration topics)."""

from typing import Literal

from pydantic import Field

from schemas.fields import Name, SealedText, Tenant, Text, Value
from schemas.policy import Calendar, Zone


class Creditor(Value):
    """The creditor as the agency's first letter must name it (RDG 13a)."""

    name: Name
    address: Text
    iban: Name | None = None
    vat_deduction: bool = False


class TenantSettings(Value):
    """A tenant's settings. What is absent is not set: the contract's policy decides."""

    tenant: Tenant
    default_policy: Name | None = None
    creditor: Creditor | None = None
    time_zone: Zone | None = None
    calendar: Calendar | None = None


class AgencyAccount(Value):
    """One set of credentials at one agency, in test or live mode. `secret` is sealed with a key that is never on Kafka."""

    tenant: Tenant
    account: Name
    agency: Name
    mode: Literal["test", "live"]
    customer_id: Name
    settings: dict[str, str] = Field(default_factory=dict)
    secret: SealedText | None = None
