"""paywise's webhook. **How v2 signs is not public: this is an assumption**, put together from what is.

From v1: `X-Paywise-Signature: sha256=<hex hmac-sha256 of the body>`, and that a delivery which fails comes again after 1, 5 and 15 minutes.
From the official client of v2: the body `{"id", "type", "created_at", "data": {"order_id" | "mandate_id", ...}}`, and that `id` equals the
header `webhook-id`. The signature covers no moment but `created_at`, so the time window is counted from there and leaves room for retries.
"""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from connectors.agencies.paywise import feed
from connectors.delivery.webhook import CASE_ID_MAX, DELIVERY_ID_MAX, Delivery, NotGenuine, is_text

WINDOW_S: Final = 3600.0
"""The third retry leaves 21 minutes after the first try; the rest is for their queue."""
AHEAD_S: Final = 300.0
_SCHEME: Final = "sha256="


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """Raises NotGenuine."""
    header = headers.get("x-paywise-signature", "")
    if not header.startswith(_SCHEME):
        raise NotGenuine("signature_missing")
    expected = _SCHEME + hmac.new(secret.encode(), body, sha256).hexdigest()
    # compared as bytes: a text that is not ASCII can't be compared in constant time
    if not hmac.compare_digest(expected.encode(), header.encode()):
        raise NotGenuine("signature_wrong")
    told = _read(body)
    if not -AHEAD_S <= now_s - feed.moment_of(told["created_at"]).timestamp() <= WINDOW_S:
        raise NotGenuine("outside_window")
    case_id = feed.case_of(told)
    if headers.get("webhook-id", told["id"]) != told["id"] or (case_id is not None and not is_text(case_id, CASE_ID_MAX)):
        raise NotGenuine("body_unreadable")
    return Delivery(told["id"], case_id)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
        feed.moment_of(told["created_at"])
        readable = is_text(told["id"], DELIVERY_ID_MAX)
    except (ValueError, KeyError, TypeError):
        readable = False
    if not readable:
        raise NotGenuine("body_unreadable")
    return told  # type: ignore[no-any-return]
