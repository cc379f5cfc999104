"""What is asked of an upstream's `mapping.py`: the events of ours that follow from a delivery of its.

Every id follows from the upstream's own ids and every date from its own times. So what is delivered twice, late or out of order yields the
same events, and whoever applies them drops the second.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol, TypeAlias
from uuid import uuid5

from pydantic import TypeAdapter, ValidationError

from connectors.billing.amounts import AmountUnusable
from schemas import topics
from schemas.billing import ChargebackEvent, ContractEvent, InvoiceEvent, PaymentEvent
from schemas.ids import NAMESPACE, contract_key

Fetch: TypeAlias = Callable[[str], Awaitable[Any]]
"""From a path of the upstream's API to the JSON object or list that stands there. Raises NotThere; what else it
raises is for whoever gave it."""
Why: TypeAlias = Literal["unknown_type", "no_news", "no_contract", "other_mode", "not_there", "unusable"]
Told: TypeAlias = Mapping[str, Any]
"""A JSON object of the upstream's."""

_PLACES: Final[Mapping[str, tuple[str, TypeAdapter[Any]]]] = {
    "invoice": (topics.INVOICES, TypeAdapter(InvoiceEvent)),
    "credit_note": (topics.INVOICES, TypeAdapter(InvoiceEvent)),
    "payment": (topics.PAYMENTS, TypeAdapter(PaymentEvent)),
    "chargeback": (topics.CHARGEBACKS, TypeAdapter(ChargebackEvent)),
    "contract": (topics.CONTRACTS, TypeAdapter(ContractEvent)),
}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose upstream it is: a tenant's account at it. `mode` is what the account is for; the other's events are not taken."""

    upstream: str
    tenant: str
    account: str
    mode: Literal["test", "live"]

    @property
    def source(self) -> str:
        """CloudEvents source of what it says."""
        return f"/billing/{self.upstream}/{self.account}"


@dataclass(frozen=True, slots=True)
class Published:
    """An event of ours as it goes to Kafka. `time` is when it happened upstream."""

    topic: str
    key: str
    time: datetime
    envelope: Mapping[str, Any]

    @property
    def value(self) -> bytes:
        return json.dumps(self.envelope).encode()


@dataclass(frozen=True, slots=True)
class Skipped:
    """What has no meaning here. `type` is the upstream's; `why` is short and stable, for a metric's label."""

    id: str
    type: str
    why: Why
    detail: str = ""


Outcome: TypeAlias = Published | Skipped


class Translate(Protocol):
    """One upstream's mapping. Raises NotUnderstood for a body that is none of its, and what `fetch` raises."""

    async def __call__(self, account: Account, body: bytes, fetch: Fetch) -> tuple[Outcome, ...]: ...


class NotThere(Exception):
    """The upstream has no such object; the message says which."""


class NotUnderstood(ValueError):
    """The body is not what this upstream sends; the message names what is missing."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the upstream: `id` is its own, the same in every delivery."""

    account: Account
    id: str
    type: str
    at: datetime

    def skipped(self, why: Why, detail: str = "") -> Skipped:
        return Skipped(self.id, self.type, why, detail)

    def published(self, type: str, contract: str | None, what: str, data: Mapping[str, Any]) -> Outcome:
        """Our event `type` about `what` (the id of the fact). Fields that are None are left out; what the contract of events refuses is
        skipped, with the name of the field."""
        if not contract:
            return self.skipped("no_contract")
        envelope = {
            "specversion": "1.0",
            "id": str(uuid5(NAMESPACE, f"{self.account.tenant}{self.account.source}/{self.id}/{type}/{what}")),
            "source": self.account.source,
            "type": type,
            "subject": contract,
            "tenant": self.account.tenant,
            "time": self.at.isoformat().replace("+00:00", "Z"),
            "data": {name: value for name, value in data.items() if value is not None},
        }
        topic, form = _PLACES[type.partition(".")[0]]
        try:
            form.validate_python(envelope)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return self.skipped("unusable", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        return Published(topic, contract_key(self.account.tenant, contract), self.at, envelope)


Handler: TypeAlias = Callable[[Happened, Told, Fetch], Awaitable[tuple[Outcome, ...]]]
"""What becomes of one type of event of an upstream."""


async def handled(handler: Handler | None, happened: Happened, told: Told, fetch: Fetch) -> tuple[Outcome, ...]:
    """What `handler` makes of an event; a field that is missing or an amount that is none skips the event, by name."""
    if handler is None:
        return (happened.skipped("unknown_type"),)
    try:
        return await handler(happened, told, fetch)
    except NotThere as error:
        return (happened.skipped("not_there", str(error)),)
    except AmountUnusable as error:
        return (happened.skipped("unusable", str(error)),)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        field = str(error) if isinstance(error, KeyError) else type(error).__name__
        return (happened.skipped("unusable", f"a field is missing or of another kind: {field}"),)


def day(at: datetime) -> str:
    """The day of a moment, in UTC: the upstream's own."""
    return at.astimezone(UTC).date().isoformat()


def moment(seconds: int) -> datetime:
    """Seconds since 1970. Raises OverflowError, ValueError, TypeError for what is none."""
    return datetime.fromtimestamp(seconds, UTC)
