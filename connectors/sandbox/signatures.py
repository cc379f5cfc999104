"""How each agency signs its webhooks, from its public document (atriga: an assumption; paywise: v1's way) and sharing nothing with the
adapters: a server that signed with its client's code would agree with every mistake of it."""

import base64
import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, TypeAlias

Sign: TypeAlias = Callable[[str, bytes, str, str, int], Mapping[str, str]]
"""From secret, body, the delivery's id and kind, and seconds since 1970 to the headers."""


def _timed(key: bytes, body: bytes, at: int) -> str:
    return f"t={at},v1={hmac.new(key, str(at).encode() + b'.' + body, sha256).hexdigest()}"


def _atriga(secret: str, body: bytes, id: str, kind: str, at: int) -> Mapping[str, str]:
    return {"X-Atriga-Signature": _timed(secret.encode(), body, at)}


def _debitura(secret: str, body: bytes, id: str, kind: str, at: int) -> Mapping[str, str]:
    signature = _timed(base64.b64decode(secret), body, at)
    return {"X-Debitura-Signature": signature, "X-Debitura-Timestamp": str(at), "X-Debitura-Event": kind}


def _paywise(secret: str, body: bytes, id: str, kind: str, at: int) -> Mapping[str, str]:
    return {"X-Paywise-Signature": f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}", "webhook-id": id}


SIGNS: Final[Mapping[str, Sign]] = {"atriga": _atriga, "debitura": _debitura, "paywise": _paywise}
MOMENT: Final[Mapping[str, str]] = {"debitura": "timestamp", "paywise": "created_at"}
"""The field of a body that tells when it happened."""
