"""Time and settings as events: `escalation.timers`, one copy of each record to every partition, key empty (`events.md`, Between)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.accounts import TenantSettings
from schemas.envelope import Envelope
from schemas.fields import Count, Day, Moment, Name, Ordinal, Tenant, Value
from schemas.policy import Policy


class ClockTickedData(Value):
    """`skew` in seconds: events stamped up to `now` + `skew` are applied before the tick (60 live, 0 from publish)."""

    now: Moment
    skew: Count = 0


class ClockTicked(Envelope):
    type: Literal["clock.ticked"] = "clock.ticked"
    data: ClockTickedData


class PaymentsImportedData(Value):
    """Up to which booking day the tenant's payments are known."""

    tenant: Tenant
    until: Day


class PaymentsImported(Envelope):
    type: Literal["payments.imported"] = "payments.imported"
    data: PaymentsImportedData


class PolicyAppliedData(Value):
    tenant: Tenant
    policy: Name
    version: Ordinal
    content: Policy


class PolicyApplied(Envelope):
    type: Literal["policy.applied"] = "policy.applied"
    data: PolicyAppliedData


class PolicyWithdrawnData(Value):
    tenant: Tenant
    policy: Name


class PolicyWithdrawn(Envelope):
    type: Literal["policy.withdrawn"] = "policy.withdrawn"
    data: PolicyWithdrawnData


class TenantConfigured(Envelope):
    type: Literal["tenant.configured"] = "tenant.configured"
    data: TenantSettings


TimerEvent: TypeAlias = Annotated[
    ClockTicked | PaymentsImported | PolicyApplied | PolicyWithdrawn | TenantConfigured,
    Field(discriminator="type"),
]
