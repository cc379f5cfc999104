"""Keeps one partition going: takes it, and after an error takes it again from the committed state, unless going on would do harm.

What is done by error: fenced → again once the group confirms that the partition is ours; Kafka away or a request refused → again
after a pause that grows; our own code failed → again, and the record or key at which it fails twice is condemned to be dead-lettered
alone; too many such failures, or a state of affairs only a person can mend → stopped, with the reason.
"""

import asyncio
import logging
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Generic

from streams.engine import deadletter
from streams.engine.applying import ProcessorFailed
from streams.engine.errors import EngineError, Fenced, Stopped
from streams.engine.limits import Limits
from streams.engine.metrics import Metrics
from streams.engine.partition import Condition, PartitionTask, Phase
from streams.engine.protocol import Event, Shared, State

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_GIVE_UP_WITHIN_S = 5.0
_SETTLED_S = 60.0
"""A partition that worked for so long begins anew with the first pause."""


class Keeper(Generic[State, Shared, Event]):
    """`hold` and `release` at any time; `close` at the end. `make` makes a task for one taking, given the condition and the condemned."""

    def __init__(
        self,
        number: int,
        make: Callable[[Condition, set[tuple[str, int] | bytes]], PartitionTask[State, Shared, Event]],
        confirmed: Callable[[int], Awaitable[bool]],
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self.number = number
        self.condition = Condition()
        self._make = make
        self._confirmed = confirmed
        self._metrics = metrics
        self._limits = limits
        self._held = asyncio.Event()
        self._closing = False
        self._work: PartitionTask[State, Shared, Event] | None = None
        self._running: asyncio.Task[None] | None = None
        self._failures: deque[float] = deque()
        self._culprits: Counter[tuple[str, int] | bytes] = Counter()
        self._condemned: set[tuple[str, int] | bytes] = set()
        self._pause_s = _FIRST_PAUSE_S
        self._main = asyncio.create_task(self._keep(), name=f"partition {number}")
        self._main.add_done_callback(_tell_if_broken)

    @property
    def held(self) -> bool:
        return self._held.is_set()

    @property
    def working(self) -> bool:
        """Whether the partition is really this process's: taken and not lost since."""
        return self.held and self.condition.phase in (Phase.TAKING, Phase.RECOVERING, Phase.RUNNING)

    def hold(self) -> None:
        """Take the partition; it was given to this process."""
        self._held.set()

    def release(self) -> None:
        """Give it up after the transaction under way, or soon if that does not end."""
        self._held.clear()
        if self._work is not None:
            self._work.stop()
        if self._running is not None:
            asyncio.get_running_loop().call_later(_GIVE_UP_WITHIN_S, self._running.cancel)

    async def close(self) -> None:
        self._closing = True
        self.release()
        running = self._running
        if running is not None:
            await asyncio.wait([running])
        self._main.cancel()
        await asyncio.gather(self._main, return_exceptions=True)

    def state(self, key: bytes) -> State | None:
        """A key's committed state as this process knows it."""
        return None if self._work is None else self._work.state(key)

    async def _keep(self) -> None:
        while not self._closing:
            await self._held.wait()
            self.condition = Condition()
            began = asyncio.get_running_loop().time()
            self._work = self._make(self.condition, self._condemned)
            self._running = asyncio.create_task(self._work.run(), name=f"partition {self.number} at work")
            await asyncio.wait([self._running])
            work, self._work, self._running = self._running, None, None
            if asyncio.get_running_loop().time() - began > _SETTLED_S:
                self._pause_s = _FIRST_PAUSE_S
            error = None if work.cancelled() else work.exception()
            if error is not None and self.held:
                await self._after(error)
            elif self.held:
                await self._pause()  # it ended without a reason: taken again at once, it might end at once again

    async def _after(self, error: BaseException) -> None:
        self.condition.phase, self.condition.reason = Phase.WAITING, str(error)
        if isinstance(error, Fenced):
            self._metrics.transactions["fenced"] += 1
            log.info("%s", error)
            await self._until_confirmed()
        elif isinstance(error, Stopped):
            await self._stand_still(str(error))
        elif isinstance(error, EngineError):
            self._metrics.transactions["aborted"] += 1
            log.warning("partition %d: %s", self.number, error)
            await self._pause()
        else:
            await self._count_failure(error)

    async def _count_failure(self, error: BaseException) -> None:
        self._metrics.transactions["aborted"] += 1
        cause = error.error if isinstance(error, ProcessorFailed) else error
        self._metrics.failures[type(cause).__name__] += 1
        # Where, but not what was said: the message of an exception may hold a debtor's data.
        log.error(
            "partition %d: %s at %s; log.level debug tells the way there", self.number, type(cause).__name__, deadletter.place_of(cause)
        )
        log.debug("partition %d:\n%s", self.number, "".join(traceback.format_tb(cause.__traceback__)))
        if isinstance(error, ProcessorFailed):
            self._culprits[error.culprit] += 1
            if self._culprits[error.culprit] > 1:
                self._condemned.add(error.culprit)
        now = asyncio.get_running_loop().time()
        self._failures.append(now)
        while now - self._failures[0] > self._limits.failure_window_s:
            self._failures.popleft()
        if len(self._failures) >= self._limits.failures:
            last = deadletter.of_exception(cause).detail
            minutes = self._limits.failure_window_s / 60
            await self._stand_still(f"{len(self._failures)} unexpected failures within {minutes:.0f} minutes, the last: {last}")
        else:
            await self._pause()

    async def _stand_still(self, reason: str) -> None:
        """Until the partition is given to somebody else, or the process restarts."""
        self.condition.phase, self.condition.reason = Phase.STOPPED, reason
        self._metrics.takes["refused"] += 1
        log.error("partition %d stands still: %s", self.number, reason)
        while self.held:
            await asyncio.sleep(_FIRST_PAUSE_S)
        self._failures.clear()

    async def _until_confirmed(self) -> None:
        """Wait until the group says, after the loss, that the partition is ours: else two owners would fence each other for ever."""
        while self.held:
            await self._pause()
            try:
                if await self._confirmed(self.number):
                    return
            except EngineError as error:
                log.info("partition %d: %s", self.number, error)

    async def _pause(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)


def _tell_if_broken(main: "asyncio.Task[None]") -> None:
    error = None if main.cancelled() else main.exception()
    if error is not None:
        log.critical("%s is kept no longer: %s at %s", main.get_name(), type(error).__name__, deadletter.place_of(error))
        log.debug("%s", main.get_name(), exc_info=error)
