"""A cluster of each scenario's own: the product's topics have given names. What the scenarios tell stands at the end of the run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mahnlauf.broker.temporary import choose, temporary
from tests.chaos.house import House
from tests.chaos.telling import TOLD


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An empty cluster; whatever was started on it ends with the test."""
    with temporary(tmp_path / "kafka", choose(request.config.getoption("--broker"))) as bootstrap:
        found = House(bootstrap, tmp_path)
        try:
            yield found
        finally:
            found.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TOLD:
        terminalreporter.section("chaos")
        for line in TOLD:
            terminalreporter.line(line)
