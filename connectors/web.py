"""A web application on a port of this machine, started and stopped by its owner.

uvicorn alone would take over the process's signals; here whoever owns the server decides when it ends.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

_STARTED_WITHIN_S = 10.0


class PortTaken(OSError):
    """The address can't be bound; the message names it."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(host: str, port: int) -> socket.socket:
    try:
        bound = socket.create_server((host, port), reuse_port=False)
        # asyncio sets this on connections whose protocol number is TCP's; those of a socket made like this have 0. Without it the second
        # part of each answer waits for the other side's delayed acknowledgement of the first, 40 ms.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound
    except OSError as error:
        raise PortTaken(
            error.errno, f"can't listen on {host}:{port}: {error.strerror}; stop what listens there or choose another port"
        ) from None


class WebServer:
    """Serves `app` at `host`:`port`; port 0 takes a free one, known as `port` after `start`. Raises PortTaken."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._app = app
        self.host = host
        self.port = port
        self._server: _Server | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        bound = _bound(self.host, self.port)
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(self._app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        self._server = _Server(config)
        self._running = asyncio.create_task(self._server.serve(sockets=[bound]))
        async with asyncio.timeout(_STARTED_WITHIN_S):
            await _true(lambda: bool(self._server and self._server.started), self._running)

    async def stop(self) -> None:
        if self._server is None or self._running is None:
            return
        self._server.should_exit = True
        await self._running
        self._server = self._running = None


async def _true(condition: Callable[[], bool], running: asyncio.Task[None]) -> None:
    """uvicorn tells by a flag alone that it has started."""
    while not condition():
        if running.done():
            running.result()
            raise RuntimeError("the web server ended while it was starting")
        await asyncio.sleep(0.005)
