"""The table at the end of `make bench`: every figure that was measured, the peer's beside ours."""

import json
from pathlib import Path
from typing import Any

from bench.engine import PEERS, SLOW_PEERS
from bench.table import Row, draw, rows


def taken(us: float, events: int = 1_000) -> dict[str, Any]:
    return {"events": events, "wall_s": 2 * us * events / 1e6, "cpu_s": us * events / 1e6, "memory_mib": 100.0}


def results() -> dict[str, Any]:
    """A run in which every peer takes four times our CPU."""
    return {
        "events": 1_000,
        "engine, counter": taken(10),
        "engine, counter, RocksDB": taken(12),
        "engine, wide counter": taken(20),
        "engine, core": taken(100),
        **{f"fold of the {kind}": taken(2) for kind in ("counter", "wide counter", "core")},
        "quixstreams, core": taken(400),
        **{name: taken(40, events=50) for name, *_ in (*PEERS, *SLOW_PEERS)},
        "Kafka Streams, counter": {**taken(40), "second_half_cpu_s": 0.015},
        "recovery of the core, memory": {"records": 1_000, "recovery_s": 0.01, "recovery_cpu_s": 0.01},
        "latency": {rate: {"p50_ms": 20.0, "p99_ms": 60.0, "p999_ms": 90.0} for rate in ("200", "500")},
        "ratios": {"core's to counter's": 3.0, "core's to wide counter's": 1.7},
    }


def test_each_peer_stands_beside_ours(tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text(json.dumps(results()))
    told = list(rows(tmp_path))
    assert Row("counter, us of CPU an event", "10.0", "Kafka Streams", "40.0", "4.00") in told
    assert Row("counter, us of CPU an event", "10.0", "Kafka Streams, second half", "30.0", "3.00") in told
    assert Row("counter, us of CPU an event", "10.0", "Faust exactly once", "40.0", "4.00") in told
    assert Row("core, us of CPU an event", "100.0", "quixstreams", "400.0", "4.00", ">= 1.5") in told
    assert Row("counter, events/s", "50,000", "quixstreams", "12,500", "4.00") in told
    assert Row("latency at 500 events/s, p50 / p99 / p99.9 ms", "20 / 60 / 90", target="p99 < 100") in told


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "preview.json").write_text(json.dumps({"contracts": 100_000, "seconds": 22.8, "target_seconds": 30.0}))
    assert list(rows(tmp_path)) == [Row("preview of 100,000 contracts, s", "22.8", target="< 30")]


def test_the_console_has_its_targets(tmp_path: Path) -> None:
    pages = {"all": {"p50_ms": 20.0, "p95_ms": 50.0}}
    (tmp_path / "console.json").write_text(
        json.dumps({"cases": 1_000, "sqlite": {"from nothing": taken(100), "changes": taken(50), "pages": pages}})
    )
    assert list(rows(tmp_path)) == [
        Row("projector, from nothing, sqlite, records/s", "5,000", target=">= 5,000"),
        Row("projector, changes, sqlite, records/s", "10,000", target=">= 5,000"),
        Row("pages of 1,000 cases, sqlite, p50 / p95 ms", "20 / 50", target="p95 < 300"),
    ]


def test_the_plot_names_every_contestant(tmp_path: Path) -> None:
    drawn = draw(results(), tmp_path / "engine.svg").read_text()
    assert all(f"<!-- {name.removesuffix(', counter')} -->" in drawn for name, *_ in PEERS)
