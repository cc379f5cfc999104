"""Which upstreams there are, by the name their accounts and addresses have. A new upstream adds a line."""

from collections.abc import Mapping
from typing import Final

from connectors.billing.billwerk import mapping as billwerk
from connectors.billing.billwerk.webhook import verify as billwerk_verify
from connectors.billing.gocardless import mapping as gocardless
from connectors.billing.gocardless.webhook import verify as gocardless_verify
from connectors.billing.stripe import mapping as stripe
from connectors.billing.stripe.webhook import verify as stripe_verify
from connectors.delivery.oauth import ClientCredentials
from connectors.delivery.upstreams import Upstream

STRIPE_VERSION: Final = "2025-02-24.acacia"
"""The last release whose charges name their invoice, whatever release the webhooks are of."""
GOCARDLESS_VERSION: Final = "2015-07-06"


def _bearer(secret: str, **more: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {secret}", **more}


UPSTREAMS: Final[Mapping[str, Upstream]] = {
    "billwerk": Upstream(
        billwerk_verify, billwerk.translate, lambda secret: {}, "/api/v1/contracts?take=1", ClientCredentials("/oauth/token/")
    ),
    "gocardless": Upstream(
        gocardless_verify, gocardless.translate, lambda secret: _bearer(secret, **{"GoCardless-Version": GOCARDLESS_VERSION}), "/creditors"
    ),
    "stripe": Upstream(
        stripe_verify, stripe.translate, lambda secret: _bearer(secret, **{"Stripe-Version": STRIPE_VERSION}), "/v1/balance"
    ),
}
