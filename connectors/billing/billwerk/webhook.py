"""billwerk signs nothing and its hints hold only ids, so a secret at the end of the address says who sends. A hint that somebody invents
could only have us read again what stands there; the secret keeps strangers from that, too."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from connectors.delivery.webhook import ADDRESS_SECRET, DELIVERY_ID_MAX, Delivery, NotGenuine, is_text

NAMED: Final = ("PaymentTransactionId", "InvoiceId", "NewInvoiceDraftId", "ContractId", "CustomerId")
"""The fields of a hint that name what it is about, the nearest first."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
    """Raises NotGenuine. Two pieces of news may have the same body, as of two payments on a contract; so no delivery is known again, and
    one that comes twice is read twice."""
    told = headers.get(ADDRESS_SECRET, "")
    if not told:
        raise NotGenuine("signature_missing")
    if not hmac.compare_digest(secret.encode(), told.encode()):
        raise NotGenuine("signature_wrong")
    try:
        event = json.loads(body)["Event"]
    except (ValueError, KeyError, TypeError):
        raise NotGenuine("body_unreadable") from None
    if not is_text(event, DELIVERY_ID_MAX // 2):
        raise NotGenuine("body_unreadable")
    return Delivery(f"{sha256(body).hexdigest()}/{now_s:.6f}", None)
