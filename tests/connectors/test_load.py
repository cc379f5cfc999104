"""Many handovers, three connectors, an agency that answers after 50 ms and allows 100 requests in any second.

As many go as it allows, never more, and an agency that is dead slows nobody. What waits for it outlives every connector; what is recalled
meanwhile is never sent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bench import handovers
from bench.handovers import Member, Publisher, Running, account, connector, handover_id, name_beside
from connectors.delivery.owner import Pace
from connectors.sandbox.app import Sandbox, SandboxConfig
from connectors.sandbox.traffic import Account, Conditions
from mahnlauf import topics
from mahnlauf.broker.ports import choose_port
from streams.engine.cluster import Connection
from tests.connectors.kit import PARTITIONS, Replies
from tests.engine.kit import eventually

CONNECTORS = 3
LIMIT = 100
LATENCY_MS = 50.0
BUSY, BESIDE, DEAD = "10001", "10002", "10003"
BESIDE_HANDOVERS = 20
BYTES_A_HANDOVER = 1_500
"""What the ledger knows of one, in memory, as Python keeps it (0.8 KiB were measured). Anything else that grew would show."""
SAMPLES_MIN = 50
"""A shorter run says nothing about growth."""
PACE = Pace(again_s=0.2, closed_s=0.2)


@pytest.mark.parametrize(
    ("count", "share"),
    [
        # Where other tests run beside it: more than one request after another would be, 15 a second.
        pytest.param(500, 0.2, marks=pytest.mark.timeout(180)),
        pytest.param(10_000, 0.95, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
async def test_as_fast_as_the_agency_allows_and_never_faster_whoever_else_is_dead(
    own_kafka: str, sandbox: Sandbox, count: int, share: float
) -> None:
    """`share` of what the agency allows, over the run."""
    await topics.create(Connection(own_kafka), PARTITIONS)
    load = _Load(own_kafka, sandbox, count)
    replies = Replies(own_kafka)
    await replies.start()
    try:
        async with handovers.publisher(own_kafka) as publisher:
            with load.connectors() as members:
                await load.deliver(publisher, members)
                load.check_pace(share)
                load.check_sizes(members)
                await load.recall(publisher, members)
            with load.connectors() as members:
                await load.recall(publisher, members)
                await load.return_of_the_dead()
        load.check_cases()
        await load.check_replies(replies)
    finally:
        await replies.stop()


class _Load:
    """An account with `count` handovers, one beside it, and on the first one's partition one whose agency is dead."""

    def __init__(self, bootstrap: str, sandbox: Sandbox, count: int) -> None:
        sandbox.world.idempotent = False
        sandbox.faults.traffic.conditions = Conditions(per_second=LIMIT, latency_ms=LATENCY_MS)
        self._sandbox = sandbox
        self._seen: dict[str, Account] = sandbox.faults.traffic.accounts
        self._busy = [f"busy-{number}" for number in range(count)]
        self._beside = [f"beside-{number}" for number in range(BESIDE_HANDOVERS)]
        self._waiting = [f"dead-{number}" for number in range(count // 50)]
        self._recalled: list[str] = []
        self._dead_port = choose_port(None)
        self._dead_name = name_beside("busy", "dead", PARTITIONS, same=True)
        self._beside_name = name_beside("busy", "beside", PARTITIONS, same=False)
        accounts = (
            account("busy", sandbox.url, BUSY, LIMIT),
            account(self._beside_name, sandbox.url, BESIDE, LIMIT),
            account(self._dead_name, f"http://127.0.0.1:{self._dead_port}", DEAD, LIMIT),
        )
        self._running = Running(bootstrap, accounts, pace=PACE)

    @contextmanager
    def connectors(self) -> Iterator[list[Member]]:
        """Killed, not stopped, at the end."""
        with ExitStack() as stack:
            yield [stack.enter_context(connector(self._running)) for _ in range(CONNECTORS)]

    async def deliver(self, publisher: Publisher, members: list[Member]) -> None:
        """Everything is ordered at once, the dead agency's first."""
        await publisher.describe((*self._waiting, *self._beside, *self._busy))
        await handovers.all_ready(members, PARTITIONS)
        self._seen.clear()  # the first look at each feed
        await publisher.submit(self._waiting, self._dead_name)
        await publisher.submit(self._busy, "busy")
        await publisher.submit(self._beside, self._beside_name)
        await handovers.until_submitted(self._seen, BUSY, len(self._busy), members, 60 + 2 * len(self._busy) / LIMIT)
        await self._until_parked(members)

    def check_pace(self, share: float) -> None:
        busy, beside = self._seen[BUSY], self._seen[BESIDE]
        seconds = busy.last_s - busy.first_s
        rate = busy.operations.total() / seconds
        print(f"{busy.operations.total()} requests in {seconds:.1f} s: {rate:.1f}/s, {busy.busiest} in the busiest second")
        assert (busy.busiest <= LIMIT, busy.refused) == (True, 0), f"{busy.busiest} requests within a second, {busy.refused} refused"
        assert rate >= share * LIMIT
        assert beside.last_s < busy.last_s, "the account beside waited for the busy one"

    def check_sizes(self, members: list[Member]) -> None:
        """From a tenth of the run on; before, debtors are read and code is loaded."""
        for member in members:
            sizes = member.sizes_kib
            early, late = sizes[len(sizes) // 10], sizes[-1]
            print(f"a connector's MiB: {early / 1024:.1f}, at the end {late / 1024:.1f}, {len(sizes)} samples")
            if len(sizes) >= SAMPLES_MIN:
                assert (late - early) * 1024 < BYTES_A_HANDOVER * len(self._busy)

    async def recall(self, publisher: Publisher, members: list[Member]) -> None:
        """A fifth of what still waits."""
        await handovers.all_ready(members, PARTITIONS)
        await self._until_parked(members)
        recalled = self._waiting[::5]
        self._recalled += recalled
        self._waiting = [contract for contract in self._waiting if contract not in recalled]
        await publisher.recall(recalled)
        await self._until_parked(members)

    async def return_of_the_dead(self) -> None:
        dead = Sandbox(SandboxConfig(port=self._dead_port, codes={DEAD: "s3cret"}))
        dead.world.idempotent = False
        await dead.start()
        try:
            await eventually(lambda: _has(dead, len(self._waiting)), "all that waited has gone out", 60)
            assert _sent(dead) == _once(self._waiting), "what was recalled was sent, or something twice"
            assert "recall" not in dead.faults.traffic.accounts[DEAD].operations
        finally:
            await dead.stop()

    def check_cases(self) -> None:
        assert _sent(self._sandbox) == _once([*self._busy, *self._beside])

    async def check_replies(self, replies: Replies) -> None:
        passed = {*self._busy, *self._beside, *self._waiting}

        async def told() -> bool:
            return {event.subject for event in await replies.read() if event.type == "case.passed"} == passed

        await eventually(told, "case.passed of each, and of no other")
        events = await replies.read()
        assert len({event.id for event in events}) == len(events)
        closed = {event.subject: event.data.reason for event in events if event.type == "case.closed"}
        assert closed == dict.fromkeys(self._recalled, "recalled")

    async def _until_parked(self, members: Iterable[Member]) -> None:
        async def parked() -> bool:
            counts: list[int] = [(await member.status())["parked"] for member in members]
            return sum(counts) == len(self._waiting)

        await eventually(parked, f"{len(self._waiting)} handovers are parked")


def _sent(sandbox: Sandbox) -> Counter[str]:
    """How many cases each handover is."""
    return Counter(case.reference for _, case in sandbox.world.cases())


def _once(contracts: list[str]) -> Counter[str]:
    return Counter(handover_id(contract) for contract in contracts)


async def _has(sandbox: Sandbox, cases: int) -> bool:
    return len(list(sandbox.world.cases())) >= cases
