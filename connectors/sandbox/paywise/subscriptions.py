"""paywise's subscriptions to webhooks, in the shape of its client's models: taken and listed, the secret shown once. Not built: changing,
removing, switching one off after failures, another secret."""

import secrets
from typing import Annotated, Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, StringConstraints, model_validator

from connectors.sandbox.paywise.books import Company
from connectors.sandbox.paywise.forms import Form
from connectors.sandbox.webhooks import Subscription

EVERY: Final = "*"
SECRET: Final = "secret_key"
Event = Literal[
    "*",
    "order.submitted",
    "order.withdrawn",
    "order.rejected",
    "order.accepted",
    "order.expired",
    "mandate.created",
    "mandate.state.changed",
    "mandate.status_update.published",
    "mandate.balance_updated",
    "order.message.created",
    "mandate.message.created",
    "request_to_client.created",
    "request_to_client.answered",
    "payment.reported",
    "statement.published",
    "statement.cancelled",
]


class WebhookIn(Form):
    """paywise takes public HTTPS addresses only; a sandbox sends within one machine, so plain ones too."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/]", max_length=1_024)]
    events: Annotated[list[Event], Field(min_length=1, max_length=50, default_factory=lambda: [EVERY])]

    @model_validator(mode="after")
    def _every_alone(self) -> "WebhookIn":
        if EVERY in self.events and len(self.events) > 1:
            raise ValueError("the wildcard must be the only entry")
        return self


def subscribe(company: Company, form: WebhookIn) -> dict[str, Any]:
    events = None if EVERY in form.events else frozenset[str](form.events)
    wanted = Subscription(agency="paywise", url=form.url, secret=secrets.token_urlsafe(32), customer=company.id, events=events)
    company.webhooks.subscribe(wanted)
    return {**_shown(wanted), SECRET: wanted.secret}


def listed(company: Company) -> list[dict[str, Any]]:
    every = (listener.subscription for listener in company.webhooks.listeners)
    return [_shown(each) for each in every if each.agency == "paywise" and each.customer == company.id]


def _shown(one: Subscription) -> dict[str, Any]:
    told = {"id": str(uuid5(NAMESPACE_URL, one.secret)), "url": one.url, "enabled": True, "contract_version": "v2"}
    return {**told, "events": [EVERY] if one.events is None else sorted(one.events)}
