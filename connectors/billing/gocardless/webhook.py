"""GoCardless signs `Webhook-Signature: <hex hmac-sha256 of the body>`, with the endpoint's secret. There is no time in it, so no window:
a body that somebody recorded and sends again yields the same events, which are dropped."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from connectors.delivery.webhook import Delivery, NotGenuine


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """Raises NotGenuine. A delivery has no id of its own: it is known by its body."""
    header = headers.get("webhook-signature", "")
    if not header:
        raise NotGenuine("signature_missing")
    expected = hmac.new(secret.encode(), body, sha256).hexdigest().encode()
    if not hmac.compare_digest(expected, header.encode()):
        raise NotGenuine("signature_wrong")
    try:
        events = json.loads(body)["events"]
    except (ValueError, KeyError, TypeError):
        raise NotGenuine("body_unreadable") from None
    if not isinstance(events, list):
        raise NotGenuine("body_unreadable")
    return Delivery(sha256(body).hexdigest(), None)
