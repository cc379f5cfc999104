"""A cluster of each scenario's own: the product's topics have given names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mahnlauf.broker.temporary import choose, temporary
from tests.chaos.house import House


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An empty cluster; whatever was started on it ends with the test."""
    with temporary(tmp_path / "kafka", choose(request.config.getoption("--broker"))) as bootstrap:
        found = House(bootstrap, tmp_path)
        try:
            yield found
        finally:
            found.close()
