"""A tick under way: which keys it visits, and how far it has come."""

import asyncio
import time
from dataclasses import replace
from typing import Generic

from streams.engine.applying import Applier
from streams.engine.journal import TickStep
from streams.engine.limits import Limits
from streams.engine.progress import Progress
from streams.engine.protocol import Event, Record, Shared, State, Tick


class TickRun(Generic[State, Shared, Event]):
    """Visits the keys that are due at `tick`, in order of key, at most so many a transaction. `resumed`: it had begun before a crash."""

    def __init__(self, applier: Applier[State, Shared, Event], record: Record, tick: Tick[Event], limits: Limits, *, resumed: bool) -> None:
        self.record = record
        self.now_ms = tick.now_ms
        self.done = False
        self._applier = applier
        self._tick = tick
        self._limits = limits
        self._resumed = resumed
        self._keys: list[bytes] | None = None
        self._next = 0
        self._kept_revisit: tuple[bytes, ...] = ()

    async def visit(self, limit: int, deadline: float) -> tuple[TickStep, int]:
        """Visit up to `limit` keys, until `deadline` (of time.perf_counter). Returns the step and how many keys it visited."""
        first = self._keys is None and not self._resumed
        keys = self._keys if self._keys is not None else self._begin()
        start, end = self._next, min(self._next + limit, len(keys))
        while self._next < end:
            upto = min(self._next + self._limits.yield_every, end)
            for key in keys[self._next : upto]:
                self._applier.visit(key, self.record, self._tick.event)
            self._next = upto
            await asyncio.sleep(0)
            if time.perf_counter() > deadline:
                break
        self.done = self._next == len(keys)
        visited = keys[start : self._next]
        self._note_progress(visited)
        from_key, to_key = (visited[0], visited[-1]) if visited else (None, None)
        return TickStep(self.record.offset, from_key, to_key, first, self.done), len(visited)

    def _begin(self) -> list[bytes]:
        progress = self._applier.progress
        runs = self._resumed or self._applier.begin_tick(self.record, self._tick.event)
        if not runs:
            self._applier.counts.ticks_ignored += 1
        due = self._applier.states.due(self._tick.now_ms, progress.revisit) if runs else []
        self._keys = due if progress.after is None else [key for key in due if key > progress.after]
        self._kept_revisit = () if runs else progress.revisit
        return self._keys

    def _note_progress(self, visited: list[bytes]) -> None:
        progress = self._applier.progress
        if self.done:
            self._applier.progress = Progress(revisit=self._kept_revisit, failing=progress.failing)
        else:
            after = visited[-1] if visited else progress.after
            self._applier.progress = replace(progress, tick_offset=self.record.offset, after=after)
