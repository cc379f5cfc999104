"""Work in order within a lane, lanes beside each other: what concerns one contract waits for its turn, other contracts don't."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Job: TypeAlias = Callable[[], Awaitable[None]]


class Lanes:
    """Runs jobs as tasks of `group`, so that one that fails ends them all; at most `at_once` lanes at a time."""

    def __init__(self, group: asyncio.TaskGroup, at_once: int) -> None:
        self._group = group
        self._places = asyncio.Semaphore(at_once)
        self._waiting: dict[str, deque[Job]] = {}

    def put(self, lane: str, job: Job) -> None:
        """Do `job` after what was put in its lane before."""
        queue = self._waiting.get(lane)
        if queue is not None:
            queue.append(job)
            return
        self._waiting[lane] = deque([job])
        self._group.create_task(self._run(lane), name=f"lane {lane}")

    @property
    def busy(self) -> int:
        """How many lanes have work."""
        return len(self._waiting)

    async def _run(self, lane: str) -> None:
        queue = self._waiting[lane]
        async with self._places:
            while queue:
                await queue.popleft()()
            del self._waiting[lane]
