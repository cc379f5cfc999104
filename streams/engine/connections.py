"""What aiokafka's connections lack, mended once for the process; goes when aiokafka does it itself (seen with 0.14).

A broken connection under uvloop: between the breaking and the moment its reader hears of it, uvloop's transport answers a write with a
RuntimeError. aiokafka expects an OSError; what it doesn't expect ends whatever wrote, for good. If that was the task that refreshes the
metadata, everything that ever waits for fresh metadata waits for ever, although the broker is long back.

A broker that is away: aiokafka connects again whenever somebody asks, without a pause. A worker has a client for each partition, and
together they spend a core on refused connections, and keep it from the broker that is about to start.

A group of connections that nobody uses any more can't be closed.
"""

import asyncio
import weakref
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import aiokafka.errors as kafka_errors
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
"""As Kafka's own clients: reconnect.backoff.ms 50, reconnect.backoff.max.ms 1000."""


@dataclass(slots=True)
class _Pauses:
    """When the nodes that refused a connection may be tried again, by loop time, and how long the next pause will be."""

    until: dict[Any, float] = field(default_factory=dict)
    next_s: dict[Any, float] = field(default_factory=dict)

    def refused(self, node_id: Any) -> None:
        pause_s = self.next_s.get(node_id, _FIRST_PAUSE_S)
        self.until[node_id] = asyncio.get_running_loop().time() + pause_s
        self.next_s[node_id] = min(2 * pause_s, _LONGEST_PAUSE_S)

    def accepted(self, node_id: Any) -> None:
        self.until.pop(node_id, None)
        self.next_s.pop(node_id, None)

    def left_s(self, node_id: Any) -> float:
        until = self.until.get(node_id)
        return 0.0 if until is None else until - asyncio.get_running_loop().time()


_pauses: "weakref.WeakKeyDictionary[Any, _Pauses]" = weakref.WeakKeyDictionary()


def mend() -> None:
    """Give aiokafka's classes both properties. To be called before the first client is made; a second call changes nothing."""
    if not hasattr(AIOKafkaConnection.send, "__wrapped__"):
        AIOKafkaConnection.send = _told_when_broken(AIOKafkaConnection.send)
        AIOKafkaClient._get_conn = _with_pauses(AIOKafkaClient._get_conn)


def close_group(client: Any, group: int) -> None:
    """Close a client's connections of one group; aiokafka keeps them for nine minutes, and its note of them for ever."""
    for place in [(node, of) for node, of in client._conns if of == group]:
        client._conns.pop(place).close()


def _told_when_broken(send: Any) -> Any:
    @wraps(send)
    def sending(self: Any, request: Any, expect_response: bool = True) -> Any:
        try:
            return send(self, request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise kafka_errors.KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    return sending


def _with_pauses(get_conn: Any) -> Any:
    @wraps(get_conn)
    async def getting(self: Any, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False) -> Any:
        known = self._conns.get((node_id, group))
        if known is not None and known.connected():
            return known
        pauses = _pauses.setdefault(self, _Pauses())
        left_s = pauses.left_s(node_id)
        if left_s > 0:
            await asyncio.sleep(left_s)
            return None  # who waited asks again; else all who waited would now try at once
        connection = await get_conn(self, node_id, group=group, no_hint=no_hint)
        if connection is None:
            pauses.refused(node_id)
        else:
            pauses.accepted(node_id)
        return connection

    return getting
