"""atriga's webhook: signed and thin, as everything in this folder an assumption.

`X-Atriga-Signature: t=<seconds>,v1=<hex hmac-sha256 of "<t>.<body>">`; the body is `{"id": ..., "case_number": ...}` and says no more than
that something happened to a case.
"""

import json
from collections.abc import Mapping
from typing import Final

from connectors.delivery.webhook import CASE_ID_MAX, DELIVERY_ID_MAX, Delivery, NotGenuine, is_text, signed_at

WINDOW_S: Final = 300.0


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """Raises NotGenuine."""
    signed_at(headers.get("x-atriga-signature", ""), secret.encode(), body, now_s, WINDOW_S)
    try:
        told = json.loads(body)
        delivery_id, case_number = told["id"], told["case_number"]
    except (ValueError, KeyError, TypeError):
        raise NotGenuine("body_unreadable") from None
    if not is_text(delivery_id, DELIVERY_ID_MAX) or not is_text(case_number, CASE_ID_MAX):
        raise NotGenuine("body_unreadable")
    return Delivery(delivery_id, case_number)
