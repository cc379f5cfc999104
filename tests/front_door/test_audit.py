"""audit: silent about a cluster that is right, and exact about one that is wrong in one place."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace as replaced

from mahnlauf import topics
from mahnlauf.audit.auditing import Audit, audit
from mahnlauf.broker.temporary import choose, temporary
from mahnlauf.configuration import apply_policy
from mahnlauf.policy_file import read_policy
from mahnlauf.publishing import Days, publish
from mahnlauf.stories import POLICY, TENANT, cases, lines
from schemas.topics import CASE_HISTORY, CASE_STATUS, COMMANDS, INVOICES, NOTICES, PAYMENTS, TIMERS
from streams.engine.cluster import Connection
from streams.engine.journal import Entry, RecordsStep, Step, TickStep
from streams.engine.placing import partition_of
from streams.engine.protocol import Output
from streams.processor import EscalationProcessor
from tests.front_door.plain_worker import Tamper, work

PARTITIONS = 2
CONTRACTS = 12
LAST_DAY = date(2025, 3, 20)  # the first have been handed over
ODD = f"{TENANT}/C-1003"
SKIPPED = {"topic": INVOICES, "value": {"type": "invoice.melted", "time": "2025-01-15T08:00:00Z"}}
"""An invoice event of a type nobody knows, before all others: nothing comes of it."""
POISON = {"topic": PAYMENTS, "value": "no event"}
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def bootstrap(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A broker for one test: each tampers with its own cluster."""
    with temporary(tmp_path / "kafka", choose(request.config.getoption("--broker"))) as found:
        yield found


async def _audited(bootstrap: str, tmp_path: Path, tamper: Tamper = lambda outputs: outputs) -> Audit:
    connection = Connection(bootstrap)
    await topics.create(connection, PARTITIONS)
    (tmp_path / "policy.yaml").write_text(POLICY)
    await apply_policy(connection, TENANT, read_policy(tmp_path / "policy.yaml"), BEGINNING)
    events = tmp_path / "events.jsonl"
    odd = b"".join(json.dumps({"key": ODD, **each}).encode() + b"\n" for each in (SKIPPED, POISON))
    events.write_bytes(odd + b"".join(lines(list(cases())[:CONTRACTS])))
    await publish(connection, [events], Days(time(12), LAST_DAY))
    await work(connection, PARTITIONS, tamper)
    return await audit(connection, EscalationProcessor(), lambda done, whole: None)


def _once(change: Callable[[list[Output]], list[Output] | None]) -> Tamper:
    """Changes the first transaction that it can change."""
    done = False

    def tamper(outputs: list[Output]) -> list[Output]:
        nonlocal done
        changed = None if done else change(outputs)
        done = done or changed is not None
        return outputs if changed is None else changed

    return tamper


def _first(outputs: list[Output], topic: str) -> int | None:
    return next((index for index, output in enumerate(outputs) if output.topic == topic), None)


def _without(topic: str) -> Tamper:
    def change(outputs: list[Output]) -> list[Output] | None:
        index = _first(outputs, topic)
        return None if index is None else outputs[:index] + outputs[index + 1 :]

    return _once(change)


def _twice(topic: str) -> Tamper:
    def change(outputs: list[Output]) -> list[Output] | None:
        index = _first(outputs, topic)
        return None if index is None else [*outputs, outputs[index]]

    return _once(change)


def _altered(topic: str) -> Tamper:
    def change(outputs: list[Output]) -> list[Output] | None:
        index = _first(outputs, topic)
        if index is None:
            return None
        value = (outputs[index].value or b"").replace(b'"specversion":"1.0"', b'"specversion": "1.0"')
        return [*outputs[:index], replaced(outputs[index], value=value), *outputs[index + 1 :]]

    return _once(change)


def _last_status_altered(outputs: list[Output]) -> list[Output]:
    """Each status of one contract, so the last one too."""
    one = f"{TENANT}/C-1002".encode()
    return [
        replaced(output, value=output.value + b" ") if output.topic == CASE_STATUS and output.key == one and output.value else output
        for output in outputs
    ]


def _all(*tampers: Tamper) -> Tamper:
    def tamper(outputs: list[Output]) -> list[Output]:
        for each in tampers:
            outputs = each(outputs)
        return outputs

    return tamper


async def test_a_right_cluster_gives_no_finding_and_a_strangers_record_is_one(bootstrap: str, tmp_path: Path) -> None:
    told = await _audited(bootstrap, tmp_path)
    assert told.clean, told.findings
    assert told.contracts == CONTRACTS
    assert told.dead_letters == 1
    assert told.not_applied <= 2 * PARTITIONS  # markers of the last broadcast
    assert all(told.outputs[topic] for topic in (CASE_STATUS, CASE_HISTORY, NOTICES, COMMANDS))
    stranger = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await stranger.start()
    await stranger.send_and_wait(CASE_HISTORY, b'{"id": "stranger"}', f"{TENANT}/C-1001".encode(), partition=0)
    await stranger.stop()
    told = await audit(Connection(bootstrap), EscalationProcessor(), lambda done, whole: None)
    assert [(finding.kind, finding.key, finding.what[:11]) for finding in told.findings.kept] == [
        ("doubled", f"{TENANT}/C-1001", "id stranger")
    ]


async def test_a_partition_that_has_records_and_goes_on_no_more_is_told(bootstrap: str, tmp_path: Path) -> None:
    await _audited(bootstrap, tmp_path)
    late = json.dumps({**POISON, "key": ODD, "timestamp": 1_742_500_000_000}) + "\n"
    (tmp_path / "late.jsonl").write_text(late)
    await publish(Connection(bootstrap), [tmp_path / "late.jsonl"], Days())
    told = await audit(Connection(bootstrap), EscalationProcessor(), lambda done, whole: None, stands_after_s=0.5)
    assert (told.findings.none, told.clean) == (True, False)
    [(partition, count)] = told.standing.items()
    assert partition == partition_of(ODD.encode(), PARTITIONS)
    assert 1 <= count <= told.not_applied


def _first_invoice_passed_over() -> Tamper:
    """The journal leaves out the first record of billing.invoices."""

    def change(outputs: list[Output]) -> list[Output] | None:
        entry = Entry.decode(outputs[-1].value or b"")
        place = next((place for place, step in enumerate(entry.steps) if _begins_with_it(step)), None)
        if place is None:
            return None
        steps = [_one_less(step) if number == place else step for number, step in enumerate(entry.steps)]
        return [*outputs[:-1], replaced(outputs[-1], value=Entry(entry.rules, entry.positions, steps).encode())]

    return _once(change)


def _begins_with_it(step: Step) -> bool:
    return isinstance(step, RecordsStep) and any((topic, first) == (INVOICES, 0) for topic, first, _ in step.ranges)


def _one_less(step: Step) -> Step:
    assert isinstance(step, RecordsStep)
    return RecordsStep([(topic, first + 1 if topic == INVOICES else first, after) for topic, first, after in step.ranges])


async def test_what_is_wrong_is_found_where_it_is_and_nothing_else(bootstrap: str, tmp_path: Path) -> None:
    assert partition_of(ODD.encode(), PARTITIONS) == 0  # whose journal is written first
    letters = f"{PAYMENTS}.dead-letters"
    tamper = _all(
        _without(CASE_HISTORY), _twice(NOTICES), _altered(COMMANDS), _without(letters), _last_status_altered, _first_invoice_passed_over()
    )
    told = await _audited(bootstrap, tmp_path, tamper)
    assert sorted((finding.kind, finding.topic) for finding in told.findings.kept) == [
        ("different", CASE_STATUS),
        ("different", COMMANDS),
        ("doubled", NOTICES),
        ("lost", INVOICES),
        ("lost", PAYMENTS),
        ("lost", CASE_HISTORY),
    ]
    assert dict(told.findings.counts) == {"different": 2, "doubled": 1, "lost": 3}
    assert "the record at offset 0 was passed over" in [finding.what for finding in told.findings.kept]


def _first_tick_again() -> Tamper:
    """The journal names a tick a second time, as where two owners of a partition did not fence each other."""

    def change(outputs: list[Output]) -> list[Output] | None:
        entry = Entry.decode(outputs[-1].value or b"")
        again = [step for step in entry.steps if isinstance(step, TickStep)]
        if not again:
            return None
        whole = Entry(entry.rules, entry.positions, [*entry.steps, *again])
        return [*outputs[:-1], replaced(outputs[-1], value=whole.encode())]

    return _once(change)


async def test_a_journal_that_goes_back_is_a_finding_not_an_error(bootstrap: str, tmp_path: Path) -> None:
    told = await _audited(bootstrap, tmp_path, _first_tick_again())
    assert told.findings.counts["doubled"] >= 1
    assert {(finding.kind, finding.topic) for finding in told.findings.kept} == {("doubled", TIMERS)}
