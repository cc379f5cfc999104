"""Debitura's webhook, as its OpenAPI document tells it (`POST /webhooks`).

`X-Debitura-Signature: t=<seconds>,v1=<hex hmac-sha256 of "<t>.<body>">`, the secret in base64, at most five minutes old; the body is
`{"id", "event", "timestamp", "data": {"caseId", ...}}`. With `X-Debitura-Replay: true` somebody has ordered a delivery again: it counts as
another one, since its first may have come to nothing; that header is not signed, and whoever adds it wins no more than a look at the case.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final

from connectors.delivery.webhook import CASE_ID_MAX, DELIVERY_ID_MAX, Delivery, NotGenuine, is_text, signed_at

WINDOW_S: Final = 300.0


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """Raises NotGenuine."""
    header = headers.get("x-debitura-signature", "")
    signed_at(header, _raw(secret), body, now_s, WINDOW_S)
    try:
        told = json.loads(body)
        delivery_id, case_id = told["id"], told["data"].get("caseId")
    except (AttributeError, ValueError, KeyError, TypeError):
        raise NotGenuine("body_unreadable") from None
    if not is_text(delivery_id, DELIVERY_ID_MAX) or (case_id is not None and not is_text(case_id, CASE_ID_MAX)):
        raise NotGenuine("body_unreadable")
    again = headers.get("x-debitura-replay", "").lower() == "true"
    return Delivery(f"{delivery_id}/{header.partition(',')[0]}" if again else delivery_id, case_id)


def _raw(secret: str) -> bytes:
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine("secret_unusable") from None
