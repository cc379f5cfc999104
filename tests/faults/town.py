"""The whole chain over three brokers: two workers and two connectors, each behind a network of its own, and an agency, all real
processes.

It is driven from outside as a `House` is. At the end everything must have caught up, the audit must find nothing, and the agency must hold
one case for each handover.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml

from mahnlauf.broker.leash import leash
from mahnlauf.broker.ports import LOOPBACK, choose_port
from mahnlauf.failures import ClusterWrong
from mahnlauf.settings import Connector
from mahnlauf.stories import LAST_DAY, POLICY, TENANT
from mahnlauf.stories import cases as told_cases
from mahnlauf.stories import lines as told_lines
from schemas import topics
from schemas.policy import Policy
from streams.engine.errors import EngineError
from tests.chaos.cases import TICK, Cases, Line, Slice
from tests.chaos.house import PARTITIONS, House, assert_clean, said
from tests.chaos.process import ROOT, Process, Worker
from tests.chaos.telling import tell
from tests.chaos.waiting import until
from tests.faults.brokers import NODES, Brokers, three
from tests.faults.lanes import Lane, Network, network

WORKERS = ("A", "B")
CONNECTORS = ("K", "L")
"""Of which one owns the only account, and the other would take it over."""
LANES = (*WORKERS, *CONNECTORS)
CODE_VARIABLE = "TEST_AGENCY_CODE"
ACCOUNTS = f"""\
[[accounts]]
tenant = "{TENANT}"
account = "main"
agency = "atriga"
mode = "test"
customer_number = "{TENANT}"
secret_variable = "{CODE_VARIABLE}"
per_second = 1000
"""
CONNECTOR_SESSION_S = 6
CONNECTORS_GROUP = Connector.model_fields["app"].default
CLUSTER_WRONG = 3
COULD_NOT_BEGIN = "does not answer as it should"
AFTERWARDS = timedelta(days=60)
"""What was handed over late comes to its end at the agency, too."""
TRIES = 20
TOLD_OF_ERROR = 120
ANSWER_WITHIN_S = 10.0
POLL_WITHIN_S = 1.0
CAUGHT_UP_WITHIN_S = 120.0
NO_CASE = frozenset({"case.rejected", "case.failed"})
"""Replies after which the agency has no case of a handover."""


def cases() -> Cases:
    """The demo's contracts with their debtors, so that an agency can be told of them."""
    policy = Policy.model_validate_json(json.dumps(yaml.safe_load(POLICY)))
    lines = sorted((Line.of(json.loads(line)) for line in told_lines(list(told_cases()))), key=lambda line: line.moment)
    return Cases(TENANT, policy, tuple(lines), LAST_DAY)


class Town:
    """`house` sees the brokers without anything between. `workers` and `connectors` are those that ought to be running now."""

    def __init__(self, brokers: Brokers, net: Network, folder: Path, *, static: bool, code: Path) -> None:
        """`static`: workers and connectors say under which id they come back. `code`: what workers run until they are `upgraded`."""
        self._static, self._code = static, code
        self.upgraded: set[str] = set()
        self.brokers, self.network, self.folder = brokers, net, folder
        self.house = House(brokers.bootstrap, folder)
        self.workers: dict[str, Worker] = {}
        self.connectors: dict[str, Process] = {}
        self._every: list[Process] = []
        self._turns: Counter[str] = Counter()
        self.agency_url = f"http://{LOOPBACK}:{choose_port(None)}"
        self._agency: subprocess.Popen[bytes] | None = None
        self._accounts = folder / "accounts.toml"

    # --- who is there

    def settle_in(self, of: Cases) -> None:
        """Topics, policy and tenant, the agency with what becomes of its cases, and everybody at work."""
        self.house.furnish(of)
        self._accounts.write_text(ACCOUNTS)
        self._open_agency()
        for name in LANES:
            self.start(name)
        self.ready()

    def start_worker(self, name: str) -> None:
        """Returns at once."""
        self._turns[name] += 1
        own = {
            "PYTHONPATH": str(ROOT if name in self.upgraded else self._code),
            "MAHNLAUF_WORKER__STORE": "rocksdb",
            "MAHNLAUF_WORKER__STATE_FOLDER": str(self.store(name)),
            **({"MAHNLAUF_WORKER__INSTANCE_ID": f"worker-{name}"} if self._static else {}),
        }
        environment = {**self.house.environment(self.lane(name).bootstrap), **own}
        self.workers[name] = Worker(f"{name}-{self._turns[name]}", self.folder, environment)
        self.house.workers.append(self.workers[name])
        self._every.append(self.workers[name])

    def start_connector(self, name: str) -> None:
        """Returns at once."""
        self._turns[name] += 1
        own = {
            CODE_VARIABLE: "code",
            "MAHNLAUF_CONNECTOR__SANDBOX_URL": self.agency_url,
            "MAHNLAUF_CONNECTOR__SESSION_TIMEOUT_MS": str(CONNECTOR_SESSION_S * 1000),
            **({"MAHNLAUF_CONNECTOR__INSTANCE_ID": f"connector-{name}"} if self._static else {}),
        }
        environment = {**self.house.environment(self.lane(name).bootstrap), **own}
        words = ("--config", str(self._accounts), "connector")
        self.connectors[name] = Process("connector", f"{name}-{self._turns[name]}", self.folder, environment, *words)
        self._every.append(self.connectors[name])

    def start(self, name: str) -> None:
        """A worker, or a connector. Returns at once."""
        if name in CONNECTORS:
            self.start_connector(name)
        else:
            self.start_worker(name)

    def kill(self, name: str) -> None:
        """kill -9 of whoever bears that name now."""
        self.bearer(name).kill()

    def end(self, name: str) -> None:
        """SIGTERM; it must leave in order."""
        code = self.bearer(name).terminate()
        assert code == 0, f"{name} ended with {code}:\n{self.bearer(name).last_words()}"

    def stop(self, name: str) -> None:
        """SIGSTOP."""
        self.bearer(name).stop()

    def go_on(self, name: str) -> None:
        """SIGCONT."""
        self.bearer(name).go_on()

    def bearer(self, name: str) -> Process:
        """The process that has that name now."""
        return self.connectors[name] if name in CONNECTORS else self.workers[name]

    def store(self, name: str) -> Path:
        """Where a worker keeps its state between its lives."""
        return self.folder / f"store-{name}"

    def kill_all(self) -> None:
        """Brokers, workers and connectors, as fast as it goes."""
        for broker in self.brokers.all.values():
            broker.kill()
        for process in self.processes:
            process.kill()

    def start_all(self) -> None:
        """Workers and connectors do not wait for the brokers."""
        for name in LANES:
            self.start(name)
        self.brokers.start(*NODES)

    def supervise(self) -> None:
        """Start again who could not begin because a broker was away, as whoever runs them must (exit code 3)."""
        for name in self._turns:
            process = self.bearer(name)
            if not process.running and process.process.returncode == CLUSTER_WRONG and COULD_NOT_BEGIN in process.last_words():
                tell(f"  {process.name} could not begin while a broker was away, and is started again")
                self.start(name)

    def ready(self) -> None:
        """Wait until everybody who ought to be running says so."""
        for name in LANES:
            until(partial(self._is_ready, name), f"{name} is ready")

    def _is_ready(self, name: str) -> bool:
        self.supervise()
        return self.bearer(name).ready()

    @property
    def processes(self) -> list[Process]:
        return [*self.workers.values(), *self.connectors.values()]

    def lane(self, name: str) -> Lane:
        return self.network.lanes[name]

    def close(self) -> None:
        for process in self._every:
            if process.running:
                process.go_on()
                process.kill()
        self.house.close()
        if self._agency is not None:
            self._agency.kill()
            self._agency.wait()

    # --- what happens

    def publish(self, piece: Slice) -> None:
        """As publishers do: what was refused is published again, and what is there twice counts once. Then the agency's days pass."""
        for _ in range(TRIES):
            try:
                self.house.publish(piece)
                break
            except (EngineError, ClusterWrong, TimeoutError) as error:
                tell(f"  to be published again: {type(error).__name__}: {str(error)[:TOLD_OF_ERROR]}")
                until(self.brokers.answer, "some broker answers")
        else:
            raise AssertionError(f"not published in {TRIES} tries")
        self._days_pass(piece.until)

    def _days_pass(self, day: date) -> None:
        noon = datetime.combine(day, TICK, UTC)
        httpx.post(f"{self.agency_url}/clock", json={"now": noon.isoformat()}, timeout=ANSWER_WITHIN_S).raise_for_status()
        for connector in list(self.connectors.values()):
            with suppress(httpx.TransportError):  # one that is away reads its feed when it is back
                httpx.post(f"{connector.url}/poll", timeout=POLL_WITHIN_S)

    def _open_agency(self) -> None:
        port = self.agency_url.rpartition(":")[2]
        with (self.folder / "agency.log").open("ab") as log:
            self._agency = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.agency", port],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=leash(),  # noqa: PLW1509 - one system call, made ready before the fork
            )
        until(self._agency_answers, "the agency answers")
        for case in told_cases():
            if case.agency is not None:
                script = {"contract": case.contract, "story": case.agency}
                httpx.post(f"{self.agency_url}/script", json=script, timeout=ANSWER_WITHIN_S).raise_for_status()

    def _agency_answers(self) -> bool:
        try:
            return httpx.get(f"{self.agency_url}/clock", timeout=ANSWER_WITHIN_S).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    # --- what must have become of it

    def caught_up(self) -> None:
        """Wait until nobody has anything left to do, and what one of them did is no work for another either."""
        self.ready()
        while True:
            before = self._written()
            self.house.settle(CAUGHT_UP_WITHIN_S)
            until(self._connectors_idle, "the connectors have nothing left to do", CAUGHT_UP_WITHIN_S)
            for connector in self.connectors.values():
                httpx.post(f"{connector.url}/poll", timeout=ANSWER_WITHIN_S).raise_for_status()
            self.house.settle(CAUGHT_UP_WITHIN_S)
            if before == self._written():
                return

    def _connectors_idle(self) -> bool:
        told = [httpx.get(f"{connector.url}/status", timeout=ANSWER_WITHIN_S).json() for connector in self.connectors.values()]
        assert not any(status["halted"] for status in told), f"a connector stands still: {told}"
        held = sorted(number for status in told for number in status["partitions"])
        return held == list(range(PARTITIONS)) and all(
            status["lag"] is not None and not any(status["lag"].values()) and not status["unfinished"] for status in told
        )

    def _written(self) -> tuple[int, ...]:
        return tuple(len(self.house.exported(topic)) for topic in (topics.COMMANDS, topics.REPLIES, topics.CASE_HISTORY))

    def assert_all_is_well(self) -> str:
        """Caught up, nothing lost, doubled or different, each handover one case. Returns in words what was compared."""
        self.caught_up()
        self._days_pass(LAST_DAY + AFTERWARDS)
        self.caught_up()
        assert all(process.running for process in self.processes)
        verdict = self.house.audit()
        assert_clean(verdict)
        return f"{verdict['events']} events, {said(verdict)}; {self._assert_one_case_each()}; {self.house.figures().transactions()}"

    def _assert_one_case_each(self) -> str:
        handovers = {of["data"]["handover_id"] for of in self._values(topics.COMMANDS) if of["type"] == "case.submit"}
        replies = self._values(topics.REPLIES)
        without = {of["data"]["handover_id"] for of in replies if of["type"] in NO_CASE}
        page: dict[str, Any] = httpx.get(f"{self.agency_url}/cases", timeout=ANSWER_WITHIN_S).json()
        held = Counter(case["reference"] for case in page["cases"])
        assert handovers, "nothing was handed over"
        assert [reference for reference, count in held.items() if count > 1] == [], "cases that the agency has twice"
        assert held.keys() - handovers == set(), "cases that nobody handed over"
        assert handovers - held.keys() - without == set(), "handovers that never became a case"
        assert [reply for reply, count in Counter(of["id"] for of in replies).items() if count > 1] == [], "replies that were told twice"
        return f"{len(handovers)} handovers, {len(held)} cases, {len(replies)} replies"

    def waits_for_an_end(self) -> bool:
        """Whether a process says that it stands behind a transaction that nobody ends."""
        return any("kafka-transactions.sh" in process.log.read_text(errors="replace") for process in self._every)

    def _values(self, topic: str) -> list[dict[str, Any]]:
        return [line["value"] for line in self.house.exported(topic)]


@contextmanager
def town(folder: Path, *, static: bool = True, code: Path = ROOT) -> Iterator[Town]:
    """Brokers, their networks, and nobody yet."""
    with ExitStack() as opened:
        net = opened.enter_context(network(LANES, NODES))
        brokers = opened.enter_context(three(folder / "kafka", {listener(name): lane.ports for name, lane in net.lanes.items()}))
        for name, lane in net.lanes.items():
            lane.to = brokers.lane_ports[listener(name)]
        found = Town(brokers, net, folder, static=static, code=code)
        opened.callback(found.close)
        yield found


def listener(lane: str) -> str:
    return f"LANE_{lane}"
