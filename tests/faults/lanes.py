"""The network between one process and the brokers, so that it can be cut: a small TCP proxy before each node, of the process's own.

A lane is a listener of every broker that tells its clients to come to the lane's proxies. `cut` is a network that says so (connections are
reset, new ones end at once), `hush` one that does not: connections stay, and nothing arrives until `mend`.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from mahnlauf.broker.ports import LOOPBACK

Result = TypeVar("Result")
READ_BYTES = 64 * 1024
DONE_WITHIN_S = 10.0


class Lane:
    """One process's way to all nodes. `ports`: where it comes to, by node. Everything runs on the network's loop."""

    def __init__(self, nodes: Iterable[int]) -> None:
        self._nodes = tuple(nodes)
        self._servers: dict[int, asyncio.Server] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._whole = True
        self._flows = asyncio.Event()
        self._flows.set()
        self.to: Mapping[int, int] = {}
        """The broker's own port of this lane, by node."""
        self.ports: dict[int, int] = {}

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{LOOPBACK}:{port}" for port in self.ports.values())

    async def listen(self) -> None:
        for node in self._nodes:
            self._servers[node] = await asyncio.start_server(partial(self._serve, node), LOOPBACK, 0)
            self.ports[node] = self._servers[node].sockets[0].getsockname()[1]

    async def cut(self) -> None:
        self._whole = False
        self._reset()

    async def hush(self) -> None:
        self._flows.clear()

    async def mend(self) -> None:
        self._whole = True
        self._flows.set()

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._flows.set()
        self._reset()

    def _reset(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, node: int, come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
        ends = [go]
        self._open.add(go)
        try:
            await self._flows.wait()
            if not self._whole:
                return
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.to[node])
                ends.append(writer)
                self._open.add(writer)
                await asyncio.wait(
                    [asyncio.create_task(self._pass_on(come, writer)), asyncio.create_task(self._pass_on(reader, go))],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            for end in ends:
                end.transport.abort()
                self._open.discard(end)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(READ_BYTES):
                await self._flows.wait()
                writer.write(part)
                await writer.drain()


class Network:
    """Lanes by name, on a thread of their own."""

    def __init__(self, lanes: Iterable[str], nodes: Iterable[int]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self.lanes = {name: Lane(nodes) for name in lanes}

    def open(self) -> None:
        self._thread.start()
        for lane in self.lanes.values():
            self._done(lane.listen())

    def close(self) -> None:
        for lane in self.lanes.values():
            self._done(lane.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DONE_WITHIN_S)

    def cut(self, lane: str) -> None:
        self._done(self.lanes[lane].cut())

    def hush(self, lane: str) -> None:
        self._done(self.lanes[lane].hush())

    def mend(self, lane: str) -> None:
        self._done(self.lanes[lane].mend())

    def _done(self, what: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(DONE_WITHIN_S)


@contextmanager
def network(lanes: Iterable[str], nodes: Iterable[int]) -> Iterator[Network]:
    """Open, and closed with the block."""
    found = Network(lanes, nodes)
    found.open()
    try:
        yield found
    finally:
        found.close()
