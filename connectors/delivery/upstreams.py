"""What upstreams have told by webhook becomes events on `billing.*`: the delivery is opened, translated, and what it names is fetched.

What can't be translated now waits until the upstream answers or its account is mended (aside.py).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from connectors.billing.upstream import Account, Fetch, NotThere, NotUnderstood, Outcome, Published, Skipped, Translate
from connectors.delivery.agency import AccountConfig
from connectors.delivery.errors import Unavailable
from connectors.delivery.metrics import Metrics
from connectors.delivery.sealing import Keys, SealBroken
from connectors.delivery.webhook import Webhook, opened
from connectors.delivery.wire import Wire
from streams.engine.protocol import Output, Record

log = logging.getLogger(__name__)

ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """How one upstream is understood. `headers` of a request to its API, from the account's secret, and `auth` where a request to it needs
    another one first; `probe`: a path that whoever has good credentials may read."""

    verify: Webhook
    translate: Translate
    headers: Callable[[str], Mapping[str, str]]
    probe: str
    auth: Callable[[AccountConfig], httpx.Auth] | None = None

    def wire(self, account: AccountConfig) -> Wire:
        """Connections to its API. Raises AccountUnusable."""
        auth = self.auth(account) if self.auth else None
        return Wire(account.url, self.headers(account.authentication_code), ANSWER_S, auth)


class Upstreams:
    """The upstreams of a connector. `accounts` are those configured now."""

    def __init__(self, upstreams: Mapping[str, Upstream], accounts: Mapping[str, AccountConfig], keys: Keys, metrics: Metrics) -> None:
        self._upstreams = upstreams
        self._accounts = accounts
        self._keys = keys
        self._metrics = metrics

    async def outputs(self, record: Record) -> tuple[Output, ...]:
        """What a delivery says. Raises AgencyError and AccountUnusable where it may go better later."""
        key = (record.key or b"").decode(errors="replace")
        return tuple(_output(told, record) for told in await self._translated(key, record.value or b""))

    async def _translated(self, key: str, value: bytes) -> list[Published]:
        try:
            source, delivery, body = opened(value, key, self._keys)
        except SealBroken as error:
            raise Unavailable(f"it can't be opened: {error}") from None  # a key that is brought back opens it
        except (ValueError, KeyError, TypeError):
            log.error("upstream account %s: what stands on agency.inbox is no delivery", key)
            return []
        account, upstream = self._accounts.get(key), self._upstreams.get(source)
        if account is None or upstream is None or (account.agency != source and not account.paused):
            log.error("upstream account %s: there is none of %s any more; delivery %s is not translated", key, source, delivery)
            self._metrics.upstream.labels(source if upstream else "unknown", "no_account").inc()
            return []
        if account.paused:
            raise Unavailable(f"the account stands still: {account.paused}")
        return self._counted(source, key, delivery, await self._asked(upstream, account, body, delivery))

    async def _asked(self, upstream: Upstream, account: AccountConfig, body: bytes, delivery: str) -> tuple[Outcome, ...]:
        whose = Account(account.agency, account.tenant, account.account, account.mode)
        wire = upstream.wire(account)
        try:
            return await upstream.translate(whose, body, fetch_by(wire))
        except NotUnderstood as error:
            return (Skipped(delivery, "", "unusable", str(error)),)
        finally:
            await wire.close()

    def _counted(self, source: str, key: str, delivery: str, outcomes: tuple[Outcome, ...]) -> list[Published]:
        for outcome in outcomes:
            self._metrics.upstream.labels(source, outcome.why if isinstance(outcome, Skipped) else "published").inc()
            if isinstance(outcome, Skipped) and outcome.why not in ("unknown_type", "no_news"):
                told = (key, outcome.id, outcome.type, outcome.why, outcome.detail)
                log.error("upstream account %s: event %s (%s) is not taken: %s %s; it stands on agency.inbox", *told)
        return [outcome for outcome in outcomes if isinstance(outcome, Published)]


def fetch_by(wire: Wire) -> Fetch:
    """Fetching over HTTP. What it returns raises NotThere, and AgencyError for what may go better later."""

    async def fetch(path: str) -> Any:
        answer = await wire.get(path)
        if answer.status_code != 200:
            raise NotThere(f"GET {path}: HTTP {answer.status_code}")
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict | list):
            raise Unavailable("GET: the answer is no JSON object or list")
        return told

    return fetch


def _output(told: Published, record: Record) -> Output:
    """Not later than it came here: a broker refuses what is from the future, and with it all that is written together."""
    at_ms = min(int(told.time.timestamp() * 1000), record.timestamp_ms)
    return Output(told.topic, told.key.encode(), told.value, at_ms)
