"""What the agencies see of the traffic of each account: how much of it, what it was about, and how much at most within any one second.

An account is what its credentials say (of secrets a part of their hash). Where a limit is ordered, a request above it is counted and
refused with 429 as an agency would; `latency_ms` is how long every answer takes besides.
"""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

WINDOW_S: Final = 1.0
_SECRETS: Final = ("authorization", "xapikey", "password")
_NAMES: Final = ("x-customer-number",)


class Conditions(BaseModel):
    """`per_second`: requests an account may make within any second; absent: as many as it likes."""

    model_config = ConfigDict(extra="forbid")

    per_second: int | None = Field(default=None, ge=1)
    latency_ms: float = Field(default=0.0, ge=0, le=60_000)


@dataclass
class Account:
    """`busiest`: the most requests within any one second; `refused`: those above the limit. Moments in seconds of the sandbox's clock."""

    operations: Counter[str] = field(default_factory=Counter)
    busiest: int = 0
    refused: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    _latest: deque[float] = field(default_factory=deque)

    def arrived(self, operation: str, now_s: float, per_second: int | None) -> bool:
        """Whether the request is within the limit."""
        self.first_s, self.last_s = self.first_s or now_s, now_s
        self.operations[operation] += 1
        self._latest.append(now_s)
        while now_s - self._latest[0] >= WINDOW_S:
            self._latest.popleft()
        self.busiest = max(self.busiest, len(self._latest))
        above = per_second is not None and len(self._latest) > per_second
        self.refused += above
        return not above

    def told(self) -> dict[str, Any]:
        seconds = self.last_s - self.first_s
        figures = {"busiest_second": self.busiest, "refused": self.refused, "seconds": round(seconds, 3)}
        return {"requests": self.operations.total(), **figures, "operations": dict(self.operations)}


class Traffic:
    """All accounts. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.conditions = Conditions()
        self.accounts: dict[str, Account] = {}
        self._clock = clock

    def arrived(self, request: Request, operation: str) -> bool:
        """Note a request as soon as it is here; whether it is within its account's limit."""
        account = self.accounts.setdefault(account_of(request), Account())
        return account.arrived(operation, self._clock(), self.conditions.per_second)


def account_of(request: Request) -> str:
    """The customer where a header names it, else a part of its secret's hash; of one that tells both in its body (SOAP) the path."""
    headers = request.headers
    for name in _NAMES:
        if name in headers:
            return headers[name]
    for name in _SECRETS:
        if name in headers:
            return hashlib.sha256(headers[name].encode()).hexdigest()[:12]
    return request.url.path
