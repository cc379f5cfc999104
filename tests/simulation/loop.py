"""An event loop on which a whole cluster runs in one thread: virtual time, a network in memory, processes that can die or stand still.

    loop = VirtualLoop(random.Random(7))
    worker = Process("worker-1")
    loop.start_process(worker, run_a_worker)
    loop.run_until_complete(scenario())
    worker.kill()          # as kill -9: nothing of it runs any more, not even a `finally`
    worker.pause()         # as SIGSTOP, until `resume`

Time passes only where everybody waits, and then at once. What runs is decided by the seed alone, so a run can be repeated.
"""

import asyncio
import contextvars
import itertools
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

_process: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)

_RESOLUTION_S = _ROUND_S = 1e-6
"""A round of the loop takes time as well: who waits for the rest of a moment must not wait for ever."""
_FASTEST_S, _SLOWEST_S = 0.0002, 0.004
"""What a message takes from one end of a connection to the other."""
_REFUSED_AFTER_S = 0.001


class Stuck(AssertionError):
    """Nothing is left that could ever happen, but the run has not ended."""


class Process:
    """Whoever is in its context lives and stands still with it: tasks, timers, what arrives on its connections."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.connections: list[Pipe] = []
        self._paused = False
        self._kept: list[tuple[asyncio.Handle, Callable[..., Any], tuple[Any, ...], contextvars.Context]] = []
        self._remains: list[object] = []
        self.context = contextvars.copy_context()
        self.context.run(_process.set, self)

    def kill(self) -> None:
        """End it here and now. Its connections break; nobody in it hears of anything again."""
        self.alive = False
        for pipe in list(self.connections):
            pipe.cut()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        """Let it go on: with everything that happened meanwhile, in order, all at once."""
        self._paused = False
        kept, self._kept = self._kept, []
        loop = asyncio.get_running_loop()
        for handle, callback, args, context in kept:
            if not handle.cancelled():
                loop.call_soon(callback, *args, context=context)

    def remains(self, thing: object) -> None:
        """Keep what a killed process leaves behind: collected, its coroutines would run their `finally` after death."""
        self._remains.append(thing)

    def run(self, handle: list[asyncio.Handle], callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """What the loop calls instead of `callback`."""
        if not self.alive:
            self._remains.append((callback, args))
        elif self._paused:
            self._kept.append((handle[0], callback, args, contextvars.copy_context()))
        else:
            callback(*args)


class Served(Protocol):
    """What listens: it is told of each connection, and gives who takes what arrives."""

    def __call__(self, pipe: "Pipe") -> Callable[[bytes], None]: ...


class Pipe(asyncio.Transport):
    """One end of a connection. What is written arrives at the other end after a while, in order, or never if the connection is cut."""

    def __init__(self, loop: "VirtualLoop", process: Process | None, context: contextvars.Context) -> None:
        super().__init__()
        self.other: Pipe
        self.take: Callable[[bytes], None]
        self.lost: Callable[[Exception | None], None] = lambda error: None
        self._loop = loop
        self._process = process
        self._context = context
        self._open = True
        self._last_arrival = 0.0
        if process is not None:
            process.connections.append(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._open and (self._process is None or self._process.alive):
            self._later(self._send, self.other, bytes(data))

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def close(self) -> None:
        """In order: what was written before still arrives."""
        if self._open:
            self._open = False
            self._gone(None)
            self._later(self._send, self.other, None)

    def abort(self) -> None:
        self.cut()

    def cut(self) -> None:
        """Break the connection: what is under way is lost, both ends hear of it."""
        self._break()
        self.other._break()

    def is_closing(self) -> bool:
        return not self._open

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None:
        """Nothing here is so much that it would have to wait."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def _later(self, callback: Callable[..., Any], *args: Any) -> None:
        self._last_arrival = max(self._loop.time() + self._loop.latency_s(), self._last_arrival + _RESOLUTION_S)
        self._loop.call_at(self._last_arrival, callback, *args, context=self.other._context)

    @staticmethod
    def _send(to: "Pipe", data: bytes | None) -> None:
        if to._open and data is None:
            to._break(None)
        elif to._open and data is not None:
            to.take(data)

    def _break(self, error: Exception | None = ConnectionResetError("cut")) -> None:  # noqa: B008  # one error is as good as another
        if self._open:
            self._open = False
            self._gone(error)

    def _gone(self, error: Exception | None) -> None:
        self._loop.call_soon(self.lost, error, context=self._context)
        if self._process is not None and self in self._process.connections:
            self._process.connections.remove(self)


class _Task(asyncio.Task[Any]):
    """Sets of tasks are in an order that the seed alone decides, not where in memory they lie."""

    def __init__(self, *args: Any, number: int, **more: Any) -> None:
        self._number = number
        super().__init__(*args, **more)

    def __hash__(self) -> int:
        return self._number


class _Future(asyncio.Future[Any]):
    """As `_Task`."""

    def __init__(self, *, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's first lines. `wall_s` is the time of day at the loop's time 0, in seconds since 1970."""

    def __init__(self, chance: random.Random, wall_s: float) -> None:
        self._now = 0.0
        self.chance = chance
        self.wall_s = wall_s
        self._servers: dict[int, tuple[Served, Process]] = {}
        self._started: list[Process] = []
        """As long as the loop lives: a killed process that is collected before would have its coroutines closed, amid another's work."""
        self.unreachable: set[str] = set()
        """Processes that reach nobody and are reached by nobody: connecting fails."""
        super().__init__(_Instant(self))
        self._clock_resolution = _RESOLUTION_S
        self._numbers = itertools.count()
        self.set_task_factory(self._new_task)

    def create_future(self) -> Any:
        return _Future(number=next(self._numbers), loop=self)

    def _new_task(self, loop: asyncio.AbstractEventLoop, work: Any, context: contextvars.Context | None = None) -> Any:
        return _Task(work, loop=loop, context=context, number=next(self._numbers))

    def time(self) -> float:
        return self._now

    def wall(self) -> float:
        return self.wall_s + self._now

    def advance(self, by_s: float) -> None:
        self._now += by_s

    def run_in_executor(self, executor: Any, work: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]  # as above
        """At once, in this thread: another one's time would be no seed's."""
        done = self.create_future()
        try:
            done.set_result(work(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def latency_s(self) -> float:
        return self.chance.uniform(_FASTEST_S, _SLOWEST_S)

    def start_process(self, process: Process, main: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        """Run `main` as the process; the task is the process's own, so it never ends if the process is killed."""
        self._started.append(process)
        task = process.context.run(self.create_task, main(), name=process.name)
        process.remains(task)
        return task

    def listen(self, port: int, process: Process, served: Served) -> None:
        self._servers[port] = served, process

    def call_soon(  # type: ignore[override]  # typeshed counts the arguments
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle: asyncio.Handle = self._guarded(super().call_soon, callback, args, context)
        return handle

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        def make(run: Any, *guarded: Any, context: contextvars.Context) -> asyncio.TimerHandle:
            return super(VirtualLoop, self).call_at(when, run, *guarded, context=context)

        handle: asyncio.TimerHandle = self._guarded(make, callback, args, context)
        return handle

    def _guarded(self, make: Any, callback: Any, args: tuple[Any, ...], context: contextvars.Context | None) -> Any:
        context = contextvars.copy_context() if context is None else context
        process = context.get(_process)
        if process is None:
            return make(callback, *args, context=context)
        own: list[asyncio.Handle] = []
        own.append(make(process.run, own, callback, args, context=context))
        return own[0]

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Connect to who listens on `port` in this world."""
        process = _process.get()
        served, server = self._servers.get(port, (None, None))
        await asyncio.sleep(_REFUSED_AFTER_S)
        cut_off = {one.name for one in (process, server) if one is not None} & self.unreachable
        if served is None or server is None or not server.alive or cut_off:
            raise ConnectionRefusedError(f"{host}:{port}")
        mine, theirs = Pipe(self, process, contextvars.copy_context()), Pipe(self, server, server.context)
        mine.other, theirs.other = theirs, mine
        protocol = protocol_factory()
        mine.take, mine.lost = protocol.data_received, protocol.connection_lost
        theirs.take = server.context.copy().run(served, theirs)
        protocol.connection_made(mine)
        return mine, protocol


class _Instant(selectors.SelectSelector):
    """Waits for nothing: instead of time passing, the loop's time is moved on to when something is due."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing is left that could ever happen")
        self._loop.advance(max(timeout, _ROUND_S))
        return []
