"""What an agency allows an account: so many requests within any one second, counted as the agency would, when they reach it.

A leaky bucket of N a second (aiolimiter's) lets nearly 2 N into the first second after a quiet one, and whoever counts when a request
leaves is wrong by what its way takes longer than the next one's. Theory of operation:

  - There are N places. A request has one when it leaves, and the place is free again a second after the request reached the agency: so
    the Nth request after it reaches the agency a second after it, or later.
  - A place is given a little before it is free, for what must be written before the request leaves; `Leave.now` waits for the rest.
  - When it reached the agency we never see. It was before its answer by at least what the fastest answer of its kind took in all, less
    the way there, which the request that follows has before it, too. Hence a place is free a second after the answer came, less the
    fastest answer's time; what an answer took longer than the fastest (there, at the agency, or back) is waited for.
  - How fast answers are is known better the more have come, so it is asked for when a place is taken again.
  - What came to nothing, or was several requests, proves no such time: its places are free a second after its end.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 1.0
PROVEN: Final = 0.8
"""Of the fastest answer's time: the fastest way there and the fastest way back are seldom those of the same request, and the next answer
may be faster than all before."""
LEAD_S: Final = 0.15
"""How long before a place is free it is given: as long as a commit takes where many are busy on the machine. A request never leaves
later than that after its intent because of its place."""
ANSWERS_MIN: Final = 200
"""Of a kind, before the fastest of them says anything: the first ones are slow, as connections are made and code is loaded."""


@dataclass(frozen=True, slots=True)
class _Place:
    """When its request was over, and of which kind it was if that says when it reached the agency."""

    over_s: float
    kind: str | None = None


class Leave:
    """A place, or several, free at a moment that is near: await `now` directly before the request leaves."""

    def __init__(self, free_at_s: float, clock: Callable[[], float]) -> None:
        self._free_at_s = free_at_s
        self._clock = clock
        self._left_at_s: float | None = None

    async def now(self) -> None:
        while (wait_s := self._free_at_s - self._clock()) > 0:
            await asyncio.sleep(wait_s)
        self._left_at_s = self._clock()

    @property
    def age_s(self) -> float | None:
        """How long ago it left; None: it did not."""
        return None if self._left_at_s is None else self._clock() - self._left_at_s


class Allowance:
    """`per_second` requests within any second; a fraction counts where it is less than one a second. `at_once`: requests that are taken
    together, which may be more than a second's: then so many within as long as they stand for. `clock` gives monotonic seconds.

    `fresh`: nobody sent on this account just before; else what whoever had it before may have sent counts as sent now.
    """

    def __init__(self, per_second: float, clock: Callable[[], float], *, at_once: int = 1, fresh: bool = True) -> None:
        places = max(math.floor(per_second), at_once)
        self._period_s = max(WINDOW_S, places / per_second)
        self._at_once = at_once
        self._clock = clock
        self._places = deque([_Place(-math.inf if fresh else clock())] * places)
        self._returned = asyncio.Event()
        self._turn = asyncio.Lock()
        self._fastest_s: dict[str, float] = {}
        self._answers: Counter[str] = Counter()

    async def take(self) -> Leave:
        """Wait for as many places as are taken together; who came first is served first."""
        async with self._turn:
            taken: list[_Place] = []
            free_at_s = -math.inf
            try:
                while len(taken) < self._at_once:
                    taken.append(await self._next())
                    free_at_s = max(free_at_s, await self._nearly_free(taken[-1]))
            except asyncio.CancelledError:
                self._places.extendleft(reversed(taken))
                raise
        return Leave(free_at_s, self._clock)

    def give_back(self, kind: str, answered_in_s: float | None) -> None:
        """The request, of a `kind` like others, is over; `answered_in_s`: from its leaving to its answer, None where there was none."""
        if answered_in_s is None or self._at_once > 1:
            place = _Place(self._clock())
        else:
            place = _Place(self._clock(), kind)
            self._answers[kind] += 1
            self._fastest_s[kind] = min(answered_in_s, self._fastest_s.get(kind, math.inf))
        self._places.extend([place] * self._at_once)
        self._returned.set()

    async def _next(self) -> _Place:
        while not self._places:
            self._returned.clear()
            await self._returned.wait()
        return self._places.popleft()

    async def _nearly_free(self, place: _Place) -> float:
        """Returns `LEAD_S` before it is free: when that is."""
        while True:
            free_at_s = place.over_s + self._period_s - self._proven_s(place.kind)
            if (wait_s := free_at_s - LEAD_S - self._clock()) <= 0:
                return free_at_s
            await asyncio.sleep(wait_s)

    def _proven_s(self, kind: str | None) -> float:
        return PROVEN * self._fastest_s[kind] if kind is not None and self._answers[kind] >= ANSWERS_MIN else 0.0
