"""What is asked of an agency's `webhook.py`: is a delivery genuine, and which case does it name. And what stands of one on `agency.inbox`.

A webhook is only a hint: what it says of a case is never believed, the case is asked for. So one that comes twice, late, or out of order
changes nothing, and one that is lost is healed by the feed or by the daily refresh.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from connectors.delivery.sealing import Keys
from schemas import topics
from streams.engine.protocol import Headers

KIND: Final = "mahnlauf-kind"
"""Header that tells webhooks from what else stands on `agency.inbox`."""
WEBHOOK: Final = b"webhook"
UPSTREAM: Final = b"upstream"
"""A delivery of an upstream: what it says becomes events of ours (`upstreams.py`)."""
ADDRESS_SECRET: Final = "mahnlauf-address-secret"
"""Where a `Webhook` finds, among the headers, what stood behind the account in the address: the secret of senders that sign nothing."""
CASE_ID_MAX: Final = 200
"""Characters; as any id of the contract."""
DELIVERY_ID_MAX: Final = 200
"""Characters; they are remembered by the hundred thousand."""


class NotGenuine(Exception):
    """The delivery isn't signed as it must be, or not now. `why` is short and stable, for a metric's label."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Delivery:
    """A genuine delivery. `id` is the same however often it is sent; `case_id`: the case it names, None where it names none."""

    id: str
    case_id: str | None


class Webhook(Protocol):
    """How one agency signs. A function or an object; it keeps nothing."""

    def __call__(self, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Delivery:
        """Raises NotGenuine. `headers` have small letters; `now_s` is wall-clock time since 1970."""


def signed_at(header: str, secret: bytes, body: bytes, now_s: float, window_s: float) -> None:
    """Check `t=<seconds>,v1=<hex hmac-sha256 of "<t>.<body>">`, as several agencies and upstreams sign; one v1 of several must be right,
    since a secret is changed with both in use. Raises NotGenuine."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):
        raise NotGenuine("signature_missing")
    expected = hmac.new(secret, times[0].encode() + b"." + body, sha256).hexdigest().encode()
    # compared as bytes: a text that is not ASCII can't be compared in constant time
    if not any(name == "v1" and hmac.compare_digest(expected, value.encode()) for name, _, value in parts):
        raise NotGenuine("signature_wrong")
    if abs(now_s - int(times[0])) > window_s:
        raise NotGenuine("outside_window")


def is_text(value: object, longest: int) -> bool:
    """Whether an id of a delivery's body is one."""
    return isinstance(value, str) and 1 <= len(value) <= longest


def kept(source: str, key: str, delivery: Delivery, body: bytes, keys: Keys) -> bytes:
    """A delivery as it stands on `agency.inbox`: the body sealed for the account, since it may hold person data. Raises SealBroken."""
    told = {"agency": source, "delivery": delivery.id, "case_id": delivery.case_id, "body": keys.seal(base64.b64encode(body), place(key))}
    return json.dumps(told).encode()


def place(key: str) -> str:
    """What the body of a delivery for this account is bound to."""
    return f"{topics.INBOX}/{key}"


def case_named(value: bytes | None, headers: Headers) -> str | None:
    """The case that a webhook on `agency.inbox` names; empty: it names none, so everything is looked at; None: this is no webhook."""
    if (KIND, WEBHOOK) not in [tuple(header) for header in headers]:
        return None
    try:
        told = json.loads(value or b"")
        return str(told["case_id"] or "")[:CASE_ID_MAX]
    except (ValueError, KeyError, TypeError):
        return None


def of_upstream(headers: Headers) -> bool:
    """Whether a record of `agency.inbox` is a delivery of an upstream."""
    return (KIND, UPSTREAM) in [tuple(header) for header in headers]


def opened(value: bytes, key: str, keys: Keys) -> tuple[str, str, bytes]:
    """Source, id and body of a delivery on `agency.inbox`. Raises SealBroken, ValueError, KeyError, TypeError."""
    told = json.loads(value)
    return told["agency"], told["delivery"], base64.b64decode(keys.open(told["body"], place(key)))
