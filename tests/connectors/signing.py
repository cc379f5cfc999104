"""How each agency signs and words its webhooks, written from its public document and sharing nothing with the adapters."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, TypeAlias

SECRET: Final = base64.b64encode(b"webhook-s3cret").decode()


@dataclass(frozen=True)
class Signed:
    """A delivery as the agency sends it."""

    headers: Mapping[str, str]
    body: bytes


Sign: TypeAlias = Callable[[str, bytes, int], Mapping[str, str]]
"""From secret, body and seconds since 1970 to headers."""
Word: TypeAlias = Callable[[str, str, int, Mapping[str, Any]], Any]
"""From delivery id, case id, seconds since 1970 and what else is said to the body."""


def _timed(raw: bytes, body: bytes, at: int) -> str:
    return f"t={at},v1={hmac.new(raw, str(at).encode() + b'.' + body, sha256).hexdigest()}"


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


_SIGN: Final[Mapping[str, Sign]] = {
    "atriga": lambda secret, body, at: {"X-Atriga-Signature": _timed(secret.encode(), body, at)},
    "debitura": lambda secret, body, at: {
        "X-Debitura-Signature": _timed(base64.b64decode(secret), body, at),
        "X-Debitura-Timestamp": str(at),
        "X-Debitura-Event": "case.updated",
    },
    "paywise": lambda secret, body, at: {
        "X-Paywise-Signature": f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}",
    },
}
_WORD: Final[Mapping[str, Word]] = {
    "atriga": lambda id, case, at, more: {"id": id, "case_number": case, **more},
    "debitura": lambda id, case, at, more: {
        "id": id,
        "event": "case.updated",
        "timestamp": _moment(at),
        "data": {"caseId": case, "reference": "Q8OAXF3W", "status": "Active", "amount": 40.0, "currency": "EUR", **more},
    },
    "paywise": lambda id, case, at, more: {
        "id": id,
        "type": "order.accepted",
        "created_at": _moment(at),
        "data": {"company_id": "co", "order_id": case, "order_url": f"/v2/orders/{case}/", **more},
    },
}
SIGNATURE: Final = {"atriga": "X-Atriga-Signature", "debitura": "X-Debitura-Signature", "paywise": "X-Paywise-Signature"}
WINDOW_S: Final = {"atriga": 300, "debitura": 300, "paywise": 3600}
AHEAD_S: Final = 300


def signed(agency: str, delivery: str, case: str, at: int, secret: str = SECRET, **more: Any) -> Signed:
    """A genuine delivery at `at`; `more` is said besides."""
    return signed_body(agency, json.dumps(_WORD[agency](delivery, case, at, more)).encode(), at, secret)


def signed_body(agency: str, body: bytes, at: int, secret: str = SECRET) -> Signed:
    """Any body, signed."""
    return Signed(_SIGN[agency](secret, body, at), body)
