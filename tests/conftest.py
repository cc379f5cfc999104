"""What tests in several rooms share: a real Kafka of the test run's own."""

from collections.abc import Iterator

import pytest

from mahnlauf.broker.node import Node


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address `127.0.0.1:PORT` of a broker that lives as long as the test run; make topics of your own on it."""
    node = Node(tmp_path_factory.mktemp("kafka"))
    node.start()
    try:
        yield node.bootstrap
    finally:
        node.stop()
