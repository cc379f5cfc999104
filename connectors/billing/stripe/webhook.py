"""Stripe signs `Stripe-Signature: t=<seconds>,v1=<hex hmac-sha256 of "<t>.<body>">`, with the endpoint's secret as it shows it
(`whsec_…`); while a secret is rolled there are two v1. Its own libraries take five minutes."""

import json
from collections.abc import Mapping
from typing import Final

from connectors.delivery.webhook import DELIVERY_ID_MAX, Delivery, NotGenuine, is_text, signed_at

WINDOW_S: Final = 300.0


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """Raises NotGenuine."""
    signed_at(headers.get("stripe-signature", ""), secret.encode(), body, now_s, WINDOW_S)
    try:
        told = json.loads(body)
        event_id, event_type = told["id"], told["type"]
    except (ValueError, KeyError, TypeError):
        raise NotGenuine("body_unreadable") from None
    if not is_text(event_id, DELIVERY_ID_MAX // 2) or not is_text(event_type, DELIVERY_ID_MAX // 2):
        raise NotGenuine("body_unreadable")
    return Delivery(f"{event_id}/{event_type}", None)
