"""What tests in several rooms share: a real Kafka of the test run's own. What scenarios tell stands at the end of the run."""

from collections.abc import Iterator

import pytest

from mahnlauf.broker.errors import BrokerError
from mahnlauf.broker.temporary import choose, described, temporary
from tests.chaos.telling import TOLD


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--broker", choices=("auto", "jars", "docker"), default="auto", help="where the tests' Kafka comes from")


def pytest_report_header(config: pytest.Config) -> str:
    try:
        return described(choose(config.getoption("--broker")))
    except BrokerError as error:
        return f"Kafka: {error}"


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address `127.0.0.1:PORT` of a broker that lives as long as the test run; make topics of your own on it."""
    kind = choose(request.config.getoption("--broker"))
    with temporary(tmp_path_factory.mktemp("kafka"), kind) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="module")
def own_kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As `kafka`, but for one module alone: for tests that make the product's own topics, whose names are given."""
    kind = choose(request.config.getoption("--broker"))
    with temporary(tmp_path_factory.mktemp("own-kafka"), kind) as bootstrap:
        yield bootstrap


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TOLD:
        terminalreporter.section("what the faults did")
        for line in TOLD:
            terminalreporter.line(line)
