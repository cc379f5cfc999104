"""Kafka's protocol on one connection: frames in, requests decoded, answers in the order of the requests."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from aiokafka.protocol import commit, coordination, fetch, group, metadata, offset, produce, transaction
from aiokafka.protocol.admin import ApiVersionRequest_v0, DescribeGroupsRequest_v1
from aiokafka.protocol.api import RequestHeader_v1

from tests.simulation.loop import Pipe

_REQUESTS: tuple[Any, ...] = (
    ApiVersionRequest_v0,
    metadata.MetadataRequest_v1,
    produce.ProduceRequest_v3,
    fetch.FetchRequest_v4,
    offset.OffsetRequest_v2,
    commit.OffsetFetchRequest_v3,
    commit.OffsetCommitRequest_v2,
    coordination.FindCoordinatorRequest_v1,
    group.JoinGroupRequest_v5,
    group.SyncGroupRequest_v3,
    group.HeartbeatRequest_v1,
    group.LeaveGroupRequest_v1,
    DescribeGroupsRequest_v1,
    transaction.InitProducerIdRequest_v0,
    transaction.AddPartitionsToTxnRequest_v0,
    transaction.AddOffsetsToTxnRequest_v0,
    transaction.EndTxnRequest_v0,
    transaction.TxnOffsetCommitRequest_v0,
)
"""One version of each: the newest that aiokafka and this world's brokers both know."""

VERSIONS = [(request.API_KEY, request.API_VERSION, request.API_VERSION) for request in _REQUESTS]
_BY_KEY: dict[tuple[int, int], Any] = {(request.API_KEY, request.API_VERSION): request for request in _REQUESTS}

Handler = Callable[[Any, str], Awaitable[Any]]
"""Given a request and the client's id: the response, or None for none at all."""


class Wire:
    """Takes bytes of a connection, hands each request to `handle` in turn, writes the answers."""

    def __init__(self, pipe: Pipe, handle: Handler) -> None:
        self._pipe = pipe
        self._handle = handle
        self._bytes = bytearray()
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._serve())
        pipe.lost = self._stop

    def take(self, data: bytes) -> None:
        self._bytes += data
        while len(self._bytes) >= 4 and len(self._bytes) >= 4 + (size := struct.unpack_from(">i", self._bytes)[0]):
            self._requests.put_nowait(bytes(self._bytes[4 : 4 + size]))
            del self._bytes[: 4 + size]

    def _stop(self, error: Exception | None) -> None:
        self._task.cancel()

    async def _serve(self) -> None:
        while True:
            request = BytesIO(await self._requests.get())
            api_key, version, correlation_id, client_id = RequestHeader_v1.SCHEMA.decode(request)
            kind = _BY_KEY[api_key, version]
            response = await self._handle(kind.decode(request), client_id)
            if response is not None:
                answer = struct.pack(">i", correlation_id) + response.encode()
                self._pipe.write(struct.pack(">i", len(answer)) + answer)
