"""The sandbox's time, which stands still until somebody moves it, and the stories that go on as it passes.

All agencies of a sandbox live on the same days, so that one `POST /clock` moves a creditor's whole world.
"""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from connectors.sandbox.story import Scene, Script, Story, chosen

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Where the sandbox's time stands before anybody has moved it."""

Perform: TypeAlias = Callable[[Scene, datetime], None]


class ClockGoesBack(ValueError):
    """The sandbox's time only goes forward."""


class Days:
    """`now` is where time stands; `scripts` say what becomes of cases to come; `watchers` are called before and after time moves, for what
    nobody asks about (files)."""

    def __init__(self, now: datetime = BEGINNING) -> None:
        self.now = now
        self.scripts: list[Script] = []
        self.watchers: list[Callable[[], None]] = []
        self._coming: list[tuple[datetime, int, Scene, Perform]] = []
        self._order = itertools.count()

    def story(self, contract: str, reference: str, *, has_postal_code: bool) -> Story:
        """What becomes of a case."""
        return chosen(self.scripts, contract, reference, has_postal_code=has_postal_code)

    def tell(self, story: Story, since: datetime, perform: Perform) -> None:
        """Let a story happen, its days counted from `since`; what is due already happens at once."""
        for scene in story:
            heapq.heappush(self._coming, (since + timedelta(days=scene.day), next(self._order), scene, perform))
        self._play()

    def advance(self, now: datetime) -> None:
        """Move the clock; what falls due until then happens, in order. Raises ClockGoesBack."""
        if now < self.now:
            raise ClockGoesBack(f"the clock stands at {written(self.now)}")
        self._watch()
        self.now = now
        self._play()
        self._watch()

    def _watch(self) -> None:
        for look in self.watchers:
            look()

    def _play(self) -> None:
        while self._coming and self._coming[0][0] <= self.now:
            moment, _, scene, perform = heapq.heappop(self._coming)
            perform(scene, moment)


def written(moment: datetime) -> str:
    """A moment as agencies write it: UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
