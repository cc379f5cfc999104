"""Questions to a cluster are asked again until they are answered, whatever the answer says in between."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from streams.engine.cluster import Cluster, Connection, GroupDescription
from streams.engine.errors import EngineError, Unreachable

NOT_COORDINATOR, LOADING, NOT_AUTHORIZED = 16, 14, 30


class Offsets(NamedTuple):
    topics: list[Any]


class Groups(NamedTuple):
    groups: list[Any]


class Coordinator:
    """Answers each question with the next of these error codes, 0 for none."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    async def coordinator_lookup(self, *_: Any) -> int:
        return 1

    async def force_metadata_update(self) -> None:
        """There is nothing to learn."""

    async def send(self, _node: int, request: Any) -> Any:
        code = self.codes.pop(0)
        if "OffsetFetch" in type(request).__name__:
            return Offsets([("a", [(0, 7, "", code)])])
        return Groups([(code, "g", "Stable", "", "", [])])


def asked(*codes: int) -> Cluster:
    cluster = Cluster(Connection("127.0.0.1:9"), "test", answer_within_s=5.0)
    cluster._client = Coordinator(*codes)
    return cluster


class Brokers:
    """Each metadata update is answered as the next of these says; the last one goes on. Two partitions are known from an answer True on
    where `there` is True."""

    def __init__(self, *answers: bool, there: bool) -> None:
        self.cluster = self
        self._answers = list(answers)
        self._there = there
        self._known = False

    async def set_topics(self, _: Any) -> None:
        """Nothing is answered yet."""

    async def force_metadata_update(self) -> bool:
        answered = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self._known = answered and self._there
        return answered

    def partitions_for_topic(self, _: str) -> set[int] | None:
        return {0, 1} if self._known else None


def told_by(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    loop, late_s = asyncio.get_running_loop(), itertools.count(0, 3)
    monkeypatch.setattr(loop, "time", lambda: float(next(late_s)))  # three seconds from each look at the clock to the next
    cluster = Cluster(Connection("127.0.0.1:9"), "test", answer_within_s=300.0)
    cluster._client = brokers
    return cluster


async def test_a_topic_is_not_said_to_be_missing_while_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await told_by(Brokers(*[False] * 5, True, there=True), monkeypatch).partitions("t") == 2
    with pytest.raises(Unreachable):
        await told_by(Brokers(False, there=True), monkeypatch).partitions("t")


async def test_a_topic_that_no_answer_knows_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="there is no topic t"):
        await told_by(Brokers(False, True, there=False), monkeypatch).partitions("t")


QUESTIONS: dict[str, tuple[Callable[[Cluster], Any], Any]] = {
    "offsets": (lambda cluster: cluster.committed("g", ["a"], 0), {"a": 7}),
    "members": (lambda cluster: cluster.describe_group("g"), GroupDescription(True, ())),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_coordinator_that_moves_or_loads_is_asked_again(question: str) -> None:
    ask, answer = QUESTIONS[question]
    assert await ask(asked(NOT_COORDINATOR, LOADING, 0)) == answer


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_refusal_is_an_error_of_the_engine(question: str) -> None:
    ask, _ = QUESTIONS[question]
    with pytest.raises(EngineError, match="GroupAuthorizationFailed"):
        await ask(asked(NOT_AUTHORIZED))
