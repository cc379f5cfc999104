"""How the cost grows: what is told of sizes, and what is seen of a process from outside."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from bench import watching
from bench.contestants.cost import Fold
from bench.growth import growth
from bench.measuring import memory_mib
from bench.table import Row, rows


def sizes(*costs: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"size": size, "cpu_us": cpu_us, "state_bytes": 100.0} for size, cpu_us in costs]


def test_a_cost_that_stays_is_flat() -> None:
    told = growth(sizes((1_000, 100.0), (10_000, 104.0), (100_000, 110.0)))
    assert told["flat"]
    assert told["last_to_first"] == pytest.approx(1.1)


def test_a_linear_cost_tells_what_each_one_more_costs() -> None:
    told = growth(sizes((1, 105.0), (4, 120.0), (16, 180.0), (64, 420.0)))
    assert not told["flat"]
    assert told["us_each"] == pytest.approx(5.0)
    assert told["straight"] == pytest.approx(1.0)


def test_a_cost_that_grows_faster_is_not_straight() -> None:
    assert growth(sizes((1, 1.0), (10, 100.0), (100, 10_000.0), (200, 40_000.0)))["straight"] < 0.98


@pytest.mark.parametrize(("contracts", "receivables", "history"), [(40, 1, 0), (3, 16, 0), (3, 1, 10)])
def test_every_size_can_be_folded(contracts: int, receivables: int, history: int) -> None:
    fold = Fold(contracts, receivables, history)
    before = fold.state_bytes()
    assert fold.measure(9) >= 0
    assert fold.state_bytes() > before, "a payment leaves something"


def test_more_of_anything_is_a_larger_state() -> None:
    assert Fold(1, 1, 0).state_bytes() < Fold(1, 8, 0).state_bytes()
    assert Fold(1, 1, 0).state_bytes() < Fold(1, 1, 10).state_bytes()


def test_a_process_is_seen_from_outside() -> None:
    own = os.getpid()
    assert watching.cpu_s(own) > 0
    assert 0 < watching.rss_mib(own) <= memory_mib() + 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert watching.connections(own, [port]) == 0
        with socket.create_connection(("127.0.0.1", port)):
            assert watching.connections(own, [port]) == 1


def test_the_table_tells_how_the_cost_grows(tmp_path: Path) -> None:
    shared = {"events": 1_000, "transactions_per_s": 12.5, "brokers_cpu_s": 0.05, "loaded_connections": 900}
    found = {
        "cost": {"history": {"sizes": sizes((0, 100.0), (160, 300.0))}, "receivables": {"sizes": sizes((1, 100.0), (64, 400.0))}},
        "workers": [{"workers": 1, "events": 1_000, "cpu_s": 0.1}, {"workers": 4, "events": 1_000, "cpu_s": 0.12}],
        "many": {"partitions": 200, "workers": 4, "brokers": 3, "cpu_s": 0.2, **shared},
    }
    (tmp_path / "scale.json").write_text(json.dumps(found))
    told = list(rows(tmp_path))
    assert Row("160 history, us of CPU an event", "300.0", "0", "100.0", "3.00", "<= 1.25") in told
    assert Row("64 receivables, us of CPU an event", "400.0", "1", "100.0", "4.00", "linear") in told
    assert Row("4 workers, us of CPU an event", "120.0", "1 worker", "100.0", "1.20") in told
    assert Row("200 partitions, 4 workers, 3 brokers, the brokers' us of CPU an event", "50.0") in told
    assert Row("200 partitions, 4 workers, 3 brokers, connections", "900.0") in told
