"""The connectors of a world: the product's, with all their delivery code, over an agency of the world; and what goes wrong with them."""

import asyncio
import contextvars
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from connectors.delivery.agency import AccountConfig
from connectors.delivery.config import ConnectorConfig
from connectors.delivery.connector import Connector
from connectors.delivery.owner import Pace
from connectors.delivery.sealing import Key, Keys
from schemas import topics
from streams.engine.errors import Unreachable
from tests.auditor.life import Life, Line
from tests.simulation.agency import UNDER_WAY_S, Bureau
from tests.simulation.hints import Hints
from tests.simulation.loop import Process
from tests.simulation.world import World

APP = "connector"
_ACCOUNTS = ("main", "second", "third", "fourth", "fifth", "sixth")
_STARTED_AGAIN_AFTER_S = 1.0
_AIMED_WITHIN_S = 3.0
_WITH_OUTAGES = 0.4
"""How often the agency itself is away now and then."""
KEYS = Keys([Key.of(b"the key that never is on Kafka  ")])


class HandedOver(Life):
    """A life in which much is handed over. What the agency answers is not written here: the connectors tell it."""

    def _weights(self) -> dict[Callable[[], None], float]:
        self.temper |= {"_order": 2.0, "_recall": 1.0, "_payment": 1.0, "_wish": 1.0}
        return {**super()._weights(), self._order: 25, self._recall: 4, self._payment: 12, self._wish: 6, self._reply: 0}


class _NoPages:
    """Instead of a web server: nobody asks for the pages here."""

    host = "10.1.0.1"

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{self.host}:{port}"

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""


class Place:
    """A place for a connector, as `Worker` is one for a worker."""

    def __init__(self, world: World, bureau: Bureau, accounts: tuple[AccountConfig, ...], number: int, *, static: bool) -> None:
        self.name = f"connector-{number}"
        self.process: Process | None = None
        self.ended: BaseException | None = None
        self.connector: Connector | None = None
        self._number = number
        self._world = world
        self._bureau = bureau
        self._accounts = accounts
        self._instance = self.name if static else None
        self._ended_event = asyncio.Event()

    def start(self) -> None:
        self.process, self.connector = Process(self.name), None
        self._world.loop.start_process(self.process, self._run)

    async def stop(self) -> None:
        if self.connector is None:  # it has not begun yet
            self.kill()
        elif self.process is not None:
            process, self.process = self.process, None
            process.context.run(self.connector.stop)
            await self._ended_event.wait()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None

    def standing(self) -> dict[str, Any]:
        """As its status page would tell it."""
        return {} if self.process is None or self.connector is None else self.connector.standing()

    def _start_again(self) -> None:
        if self.process is None:
            self.start()

    async def _run(self) -> None:
        ended = self._ended_event = asyncio.Event()
        pace = Pace(feed_interval_s=3.0, again_s=0.2, closed_s=0.1, under_way_s=UNDER_WAY_S, fresh=True)
        config = ConnectorConfig(self._world.connection, self._accounts, KEYS, app=APP, pace=pace, instance=self._instance)
        self.connector = Connector(config, {"atriga": self._bureau.open})
        self.connector._server = _NoPages(7_000 + self._number)  # type: ignore[assignment]
        try:
            await self.connector.run()
        except Unreachable:
            self.process = None
            self._world.loop.call_later(_STARTED_AGAIN_AFTER_S, self._start_again, context=contextvars.Context())
        except Exception as error:
            self.ended, self.process = error, None
        finally:
            ended.set()


def _accounts(lines: list[Line]) -> tuple[AccountConfig, ...]:
    """Of each tenant, those that its policies and orders name."""
    named = {(line["key"] or f"{line['value']['data'].get('tenant')}/").partition("/")[0]: set[str]() for line in lines}
    for tenant, names in named.items():
        told = json.dumps([line for line in lines if f'"{tenant}"' in json.dumps(line)])
        names |= {"main", *(name for name in _ACCOUNTS if f'"{name}"' in told)}
    keys = sorted((tenant, name) for tenant, names in named.items() for name in names if tenant != "None")
    return tuple(AccountConfig(tenant, name, "atriga", "test", "", "10001", "s3cret", per_second=1_000) for tenant, name in keys)


class Delivering:
    """All of a world's delivery: its agency, its connectors, and one fault after the other until `end`. `told` counts them."""

    def __init__(self, world: World, lines: list[Line]) -> None:
        self._chance = random.Random(f"{world.seed} delivering")
        self._world = world
        self.bureau = Bureau(world.seed)
        self.hints = Hints(world, self.bureau, KEYS) if self.bureau.capabilities.webhook else None
        self.told: Counter[str] = Counter()
        static = self._chance.random() < 0.3
        self.places = [
            Place(world, self.bureau, _accounts(lines), number, static=static) for number in range(self._chance.choice((1, 2, 2)))
        ]
        self._left = self._chance.choice((0, 3, 10, 30))
        self._every_s = self._chance.choice((0.3, 1.0, 3.0))
        self._kinds: list[Callable[[Place], Awaitable[None]]] = [self._kill, self._kill, self._stop, self._isolate]
        if not self.bureau.strict:  # between the intent and the first byte nothing but the key protects from a process that stood still
            self._kinds.append(self._pause)
        self._outages = random.Random(f"{world.seed} outages")
        self._makers: list[asyncio.Future[None]] = []

    async def start(self) -> None:
        if self.hints is not None:
            await self.hints.start()
        for place in self.places:
            place.start()
        self._makers = [asyncio.ensure_future(self._make())]
        if self._outages.random() < _WITH_OUTAGES:
            self._makers.append(asyncio.ensure_future(self._agency_away()))

    async def end(self) -> None:
        """No more faults: every connector is there, and the agency answers."""
        self.bureau.calm = True
        for maker in self._makers:
            maker.cancel()
        await asyncio.gather(*self._makers, return_exceptions=True)
        for place in self.places:
            self._world.loop.unreachable.discard(place.name)
            if place.process is None:
                place.start()
            else:
                place.process.resume()

    async def stop(self) -> None:
        if self.hints is not None:
            await self.hints.stop()
        for place in self.places:
            assert place.ended is None, f"{place.name} ended by itself: {place.ended!r}"
            await place.stop()

    def finished(self) -> bool:
        """Whether all that was asked of the agency is answered, all it told is told on, and all of it is applied."""
        return not self.bureau.stories and not self.left() and self._world.applied()

    def left(self) -> list[str]:
        """What is not finished."""
        world = self._world
        committed = world.cluster.groups.group(APP).offsets
        places = [(topic, number) for topic in (topics.COMMANDS, topics.OUTBOX, topics.INBOX) for number in range(world.partitions)]
        behind = [place for place in places if committed.get(place, 0) < world.cluster.log(*place).end]
        found = [f"{topic}-{number} from {committed.get((topic, number), 0)}" for topic, number in behind]
        found += [
            f"{place.name} is not ready: {place.standing()}"
            for place in self.places
            if place.connector is None or not place.connector.ready
        ]
        standing = [place.standing() for place in self.places]
        found += [f"halted: {one['halted']}" for one in standing if one.get("halted")]
        accounts = [(key, status) for one in standing for key, status in one.get("accounts", {}).items()]
        found += [f"{key}: {status}" for key, status in accounts if status["parked"] or status["busy"] or status["closed"]]
        if self.bureau.capabilities.feed:
            unread = [(key, status["cursor"]) for key, status in accounts if int(status["cursor"] or "0") < self.bureau.happened(key)]
            found += [f"{key}: its feed is read to {cursor}" for key, cursor in unread]
        return found

    async def _make(self) -> None:
        while self._left > 0:
            self._left -= 1
            await asyncio.sleep(self._chance.expovariate(1 / self._every_s))
            if self._chance.random() < 0.7:
                await self._amid_a_request()
            running = [place for place in self.places if place.process is not None]
            if running:
                kind = self._chance.choice(self._kinds)
                self.told[f"connector{kind.__name__}"] += 1
                await kind(self._chance.choice(running))

    async def _agency_away(self) -> None:
        """From when something is ordered of it: it is asked for so little that it would seldom be missed otherwise."""
        for _ in range(self._outages.choice((1, 3, 10))):
            ordered = self._ordered()
            while self._ordered() == ordered:
                await asyncio.sleep(0.01)
            self.told["agency_away"] += 1
            self.bureau.away = True
            await asyncio.sleep(self._outages.choice((1.0, 5.0, 20.0)))
            self.bureau.away = False

    def _ordered(self) -> int:
        return sum(self._world.cluster.log(topics.COMMANDS, number).end for number in range(self._world.partitions))

    async def _amid_a_request(self) -> None:
        """After it has left, and before what came of it is noted."""
        loop = self._world.loop
        deadline = loop.time() + _AIMED_WITHIN_S
        before = self.bureau.sent
        while self.bureau.sent == before and loop.time() < deadline:
            await asyncio.sleep(0.002)
        await asyncio.sleep(self._chance.expovariate(50))

    async def _kill(self, place: Place) -> None:
        place.kill()
        await self._start_again(place)

    async def _stop(self, place: Place) -> None:
        await place.stop()
        await self._start_again(place)

    async def _start_again(self, place: Place) -> None:
        await asyncio.sleep(self._chance.choice((0.0, 0.5, 4.0, 15.0)))
        if place.process is None:
            place.start()

    async def _pause(self, place: Place) -> None:
        process = place.process
        assert process is not None
        process.pause()
        await asyncio.sleep(self._chance.choice((0.1, 1.0, 5.0, 14.0)))
        process.resume()

    async def _isolate(self, place: Place) -> None:
        """From Kafka alone: the agency is reached as before."""
        assert place.process is not None
        self._world.loop.unreachable.add(place.name)
        for pipe in list(place.process.connections):
            pipe.cut()
        await asyncio.sleep(self._chance.choice((0.2, 2.0, 12.0)))
        self._world.loop.unreachable.discard(place.name)
