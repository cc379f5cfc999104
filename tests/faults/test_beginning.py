"""Who begins while one of three brokers is away: the others still name it for as long as its session lasts."""

import asyncio
from pathlib import Path

import pytest

from mahnlauf import topics
from streams.engine.cluster import Connection
from tests.chaos.house import PARTITIONS
from tests.faults.brokers import NODES, three

pytestmark = pytest.mark.timeout(300)


@pytest.mark.soak
def test_topics_are_found_right_while_a_broker_that_is_gone_is_still_named(tmp_path: Path) -> None:
    with three(tmp_path / "kafka", {}) as brokers:
        where = Connection(brokers.bootstrap)
        asyncio.run(topics.create(where, PARTITIONS))
        brokers.whole()
        brokers.all[1].kill()
        asked = 0
        while brokers.all[2].knows() == len(NODES):
            asyncio.run(topics.require(where))
            asked += 1
        assert asked, "it was no longer named when somebody asked"
