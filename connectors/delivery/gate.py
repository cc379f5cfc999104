"""Whether anything can go to an agency now: its patience (429), its being away, the account's own limit and pause.

Wall-clock time alone counts here. After failures in a row the gate closes for a growing while, so that an agency that is down is asked
once in a while and not by every case; the first success opens it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from connectors.delivery.agency import REQUESTS_AT_ONCE
from connectors.delivery.allowance import Allowance, Leave
from connectors.delivery.errors import AgencyError, CredentialsRefused, RateLimited

FAILURES_IN_A_ROW: Final = 3
"""Failures after which the agency counts as away: one can be a hiccup, and waiting for more costs a timeout each."""
CLOSED_S: Final = 1.0
CLOSED_S_MAX: Final = 60.0
"""How long the gate closes at first, and at most; doubled with each time in a row."""
RATE_LIMITED_S: Final = 5.0
"""How long to be patient where the agency does not say it."""


class Gate:
    """One account's gate. `clock` gives monotonic seconds; `per_second` requests at most, of which a turn makes `requests_a_turn`;
    `shut` is the reason why nothing goes at all; `fresh`: nobody sent on the account just before."""

    def __init__(
        self,
        per_second: float,
        *,
        shut: str = "",
        clock: Callable[[], float],
        closed_s: float = CLOSED_S,
        requests_a_turn: int = 1,
        fresh: bool = True,
    ) -> None:
        self._allowance = Allowance(per_second, clock, at_once=requests_a_turn, fresh=fresh)
        self._places = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._shut = shut
        self._closed_s = closed_s
        self._clock = clock
        self._reason = ""
        self._failures = 0
        self._closings = 0
        self._opens_at = 0.0
        self._troubled = bool(shut)
        self._turned_at = clock()

    @property
    def closed_for_s(self) -> float:
        """Seconds until something can go; infinite while nothing goes at all."""
        return float("inf") if self._shut else max(self._opens_at - self._clock(), 0.0)

    @property
    def reason(self) -> str:
        """Why it is closed; empty while it is open."""
        return self._shut or (self._reason if self.closed_for_s else "")

    @property
    def trouble(self) -> str:
        """Why the agency can't be reached, from when the gate first closed until it answers again; also while one is sent as a try."""
        return self._shut or (self._reason if self._troubled else "")

    @property
    def turned_for_s(self) -> float:
        """Seconds since trouble began or ended, or since the gate was made."""
        return self._clock() - self._turned_at

    @asynccontextmanager
    async def turn(self, kind: str) -> AsyncIterator[Leave]:
        """Wait until one request may go soon, of a kind that takes as long as others of it; it has its place until the end. It may go when
        what this gives says so."""
        leave, answered_in_s = await self._allowance.take(), None
        try:
            async with self._places:
                yield leave
                answered_in_s = leave.age_s
        finally:
            self._allowance.give_back(kind, answered_in_s)

    def passed(self) -> None:
        """The agency answered."""
        self._failures = self._closings = 0
        self._turn(troubled=False)

    def failed(self, error: AgencyError) -> None:
        """A request came to nothing that may be otherwise later. Those that were under way when the gate closed don't count again."""
        if isinstance(error, RateLimited):
            self._close(error, RATE_LIMITED_S if error.after_s is None else error.after_s)
        elif isinstance(error, CredentialsRefused):
            self._close(error, CLOSED_S_MAX)
        elif not self.closed_for_s:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._close(error, min(self._closed_s * 2.0 ** min(self._closings, 10), CLOSED_S_MAX))
                self._closings += 1

    def _close(self, error: AgencyError, for_s: float) -> None:
        self._opens_at = max(self._opens_at, self._clock() + for_s)
        self._reason = error.reason
        self._turn(troubled=True)

    def _turn(self, *, troubled: bool) -> None:
        if troubled != self._troubled and not self._shut:
            self._troubled, self._turned_at = troubled, self._clock()
