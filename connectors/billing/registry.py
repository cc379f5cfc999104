"""Which upstreams there are, by the name their accounts and addresses have. A new upstream adds a line."""

from collections.abc import Mapping
from typing import Final

from connectors.billing.gocardless import mapping as gocardless
from connectors.billing.gocardless.webhook import verify as gocardless_verify
from connectors.billing.stripe import mapping as stripe
from connectors.billing.stripe.webhook import verify as stripe_verify
from connectors.delivery.upstreams import Upstream

STRIPE_VERSION: Final = "2025-02-24.acacia"
"""The last release whose charges name their invoice, whatever release the webhooks are of."""
GOCARDLESS_VERSION: Final = "2015-07-06"


def _bearer(secret: str, **more: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {secret}", **more}


UPSTREAMS: Final[Mapping[str, Upstream]] = {
    "gocardless": Upstream(
        gocardless_verify, gocardless.translate, lambda secret: _bearer(secret, **{"GoCardless-Version": GOCARDLESS_VERSION}), "/creditors"
    ),
    "stripe": Upstream(
        stripe_verify, stripe.translate, lambda secret: _bearer(secret, **{"Stripe-Version": STRIPE_VERSION}), "/v1/balance"
    ),
}
