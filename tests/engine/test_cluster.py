"""Questions to a cluster are asked again until they are answered, whatever the answer says in between."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from streams.engine.cluster import Cluster, Connection, GroupDescription
from streams.engine.errors import EngineError

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
