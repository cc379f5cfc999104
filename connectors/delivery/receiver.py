"""The receiver of webhooks: one small web application for every agency and upstream. It verifies, stores on `agency.inbox`,
and answers; nothing else.

    POST /<agency>/<tenant>/<account>[/<secret>], the secret where the sender signs nothing
                                          200: stored (or known already), 401: not genuine, or no account that could tell (which it is,
                                          only the metric says), 408 / 413: too slow, too large, 503: not stored, send it again
    GET  /metrics, /healthz

Who sends is answered as soon as Kafka has the delivery; the account's owner, in a connector, does what follows from it. What is sent again
within its time window under the same id is not stored twice; after a restart it may be, and does no harm.
"""

import asyncio
import base64
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import aiokafka.errors as kafka_errors
from aiokafka import AIOKafkaProducer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.delivery.accounts import SECRET_SEALED, UNREADABLE, Accounts
from connectors.delivery.agency import AccountConfig, account_key
from connectors.delivery.metrics import WebhookMetrics
from connectors.delivery.sealing import Keys
from connectors.delivery.webhook import ADDRESS_SECRET, KIND, UPSTREAM, WEBHOOK, Delivery, NotGenuine, Webhook, kept
from connectors.web import WebServer
from schemas import topics
from streams.engine.cluster import Cluster, Connection

log = logging.getLogger(__name__)

BODY_BYTES_MAX: Final = 256 << 10
"""Thin deliveries have some hundred bytes; an event of ours has at most as much as this."""
BODY_WITHIN_S: Final = 5.0
"""Who sends slower than that holds a connection for nothing."""
STORED_WITHIN_S: Final = 5.0
"""Senders give up after 10 s or more; they are told to come again before that."""
AT_ONCE: Final = 200
"""Requests under way, so that a flood fills no memory; more are told to come again."""
REMEMBERED: Final = 100_000
"""Deliveries whose ids are known; the oldest are forgotten first, long after their window."""


_SAID: Final = {200: "ok\n", 401: "not genuine\n", 408: "too slow\n", 413: "too large\n", 503: "come again\n"}
"""The same whatever the reason, which the metric has: who is not genuine must not learn which accounts there are."""
_DECOY: Final = base64.b64encode(os.urandom(32)).decode()
"""The secret of accounts that have none: a delivery for them is looked at for as long as any other."""


class _Refused(Exception):
    """What is answered instead of 200. `outcome` is the metric's label."""

    def __init__(self, status: int, outcome: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """`keys` open the accounts' webhook secrets and seal what is stored. `port` 0 takes a free one."""

    connection: Connection
    keys: Keys = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0


class Receiver:
    """See the module's first lines. `webhooks` verify, by agency or upstream; `upstreams`: which of them are upstreams;
    `wall_s` is the wall clock."""

    def __init__(
        self,
        config: ReceiverConfig,
        webhooks: Mapping[str, Webhook],
        wall_s: Callable[[], float] = time.time,
        upstreams: Collection[str] = (),
    ) -> None:
        self._config = config
        self._webhooks = webhooks
        self._wall_s = wall_s
        self._upstreams = frozenset(upstreams)
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._under_way = 0
        self._producer: AIOKafkaProducer | None = None
        self._accounts: Accounts | None = None
        self._metrics = WebhookMetrics()
        self._server = WebServer(self._app(), config.host, config.port)

    @property
    def url(self) -> str:
        return self._server.url

    async def run(self, stopped: asyncio.Event, listening: Callable[[str], None]) -> None:
        """Receive until `stopped` is set; `listening` is told the address. Raises PortTaken, EngineError."""
        cluster = Cluster(self._config.connection, "mahnlauf-webhooks")
        await cluster.start()
        accounts = self._accounts = Accounts(cluster, {}, self._config.keys, lambda _: "", lambda _: None, lambda _: None)
        producer = AIOKafkaProducer(
            **self._config.connection.options("mahnlauf-webhooks"), enable_idempotence=True, request_timeout_ms=int(STORED_WITHIN_S * 1000)
        )
        try:
            await accounts.start()
            await producer.start()
            self._producer = producer
            await self._server.start()
            listening(self.url)
            await self._follow(accounts, stopped)
        finally:
            await self._server.stop()
            await producer.stop()
            await accounts.stop()
            await cluster.stop()

    async def _follow(self, accounts: Accounts, stopped: asyncio.Event) -> None:
        following, waiting = asyncio.create_task(accounts.run()), asyncio.create_task(stopped.wait())
        await asyncio.wait([following, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (following, waiting):
            task.cancel()
        ended = (await asyncio.gather(following, return_exceptions=True))[0]
        if isinstance(ended, Exception):
            raise ended

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{agency}/{tenant}/{account}", self._post, methods=["POST"]),
                Route("/{agency}/{tenant}/{account}/{secret:path}", self._post, methods=["POST"]),
                Route("/metrics", self._tell_metrics),
                Route("/healthz", self._alive),
            ]
        )

    async def _post(self, request: Request) -> Response:
        agency = request.path_params["agency"]
        label = agency if agency in self._webhooks else "unknown"
        if self._under_way >= AT_ONCE:
            return self._answer(label, 503, "too_many")
        self._under_way += 1
        try:
            return self._answer(label, 200, await self._taken(agency, request))
        except _Refused as refused:
            return self._answer(label, refused.status, refused.outcome)
        finally:
            self._under_way -= 1

    def _answer(self, label: str, status: int, outcome: str) -> Response:
        self._metrics.webhooks.labels(label, outcome).inc()
        return PlainTextResponse(_SAID[status], status)

    async def _taken(self, agency: str, request: Request) -> str:
        key = account_key(request.path_params["tenant"], request.path_params["account"])
        body = await _body(request)
        delivery = self._verified(agency, key, request, body)
        if (key, delivery.id) in self._seen:
            return "known"
        await self._store(agency, key, delivery, body)
        self._remember(key, delivery)
        return "stored"

    def _verified(self, agency: str, key: str, request: Request, body: bytes) -> Delivery:
        """Who asks for an account that is not there, or can't be read, learns no more than who signs wrongly."""
        assert self._accounts is not None
        account = self._accounts.by_key.get(key)
        mine = account is not None and account.agency == agency and account.webhook_secret
        try:
            if agency not in self._webhooks:
                raise NotGenuine("signature_wrong")
            headers = {**request.headers, ADDRESS_SECRET: request.path_params.get("secret", "")}
            delivery = self._webhooks[agency](mine or _DECOY, headers, body, self._wall_s())
        except NotGenuine as error:
            raise _Refused(401, _why_not_read(account) or error.why) from None
        if not mine:  # nobody knows the decoy; should anybody sign with it, it is nobody's
            raise _Refused(401, "signature_wrong")
        return delivery

    async def _store(self, agency: str, key: str, delivery: Delivery, body: bytes) -> None:
        assert self._producer is not None
        value = kept(agency, key, delivery, body, self._config.keys)
        try:
            async with asyncio.timeout(STORED_WITHIN_S):
                await self._producer.send_and_wait(
                    topics.INBOX,
                    value,
                    key.encode(),
                    timestamp_ms=int(self._wall_s() * 1000),
                    headers=[(KIND, UPSTREAM if agency in self._upstreams else WEBHOOK)],
                )
        except (kafka_errors.KafkaError, TimeoutError) as error:
            log.warning("a webhook for %s could not be stored: %r", key, error)
            raise _Refused(503, "not_stored") from None

    def _remember(self, key: str, delivery: Delivery) -> None:
        self._seen[key, delivery.id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    async def _tell_metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _alive(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")


def _why_not_read(account: AccountConfig | None) -> str | None:
    return account.paused if account is not None and account.paused in (SECRET_SEALED, UNREADABLE) else None


async def _body(request: Request) -> bytes:
    """The body, as far as it may be read. Raises _Refused."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY_BYTES_MAX:
        raise _Refused(413, "too_large")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise _Refused(413, "too_large")
    except (TimeoutError, ClientDisconnect):
        raise _Refused(408, "too_slow") from None
    return bytes(body)
