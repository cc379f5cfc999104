"""Real cases: road-traffic fines of an Italian municipality, 2000 to 2013 (../shared/data, not part of the project)."""

import gzip
import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from schemas.policy import Policy
from streams.engine.protocol import Output
from streams.replay import Event

FINES = Path(__file__).parents[3] / "shared" / "data" / "fines" / "fines.jsonl.gz"
needs_fines = pytest.mark.skipif(not FINES.exists(), reason=f"the real cases are not here: {FINES}")

POLICY = Policy.model_validate_json(
    json.dumps(
        {
            "policy": "fines",
            "time_zone": "Europe/Rome",
            "minimum_open": {"EUR": 100},
            "steps": [
                {"kind": "remind", "day": 5, "level": 1},
                {"kind": "remind", "day": 20, "level": 2},
                {"kind": "hand_over", "day": 40},
            ],
        }
    )
)


@lru_cache(maxsize=1)
def fines() -> tuple[Event, ...]:
    """All events of the real cases, in file order."""
    with gzip.open(FINES) as lines:
        return tuple(_event(json.loads(line)) for line in lines)


def _event(line: dict[str, Any]) -> Event:
    time_ms = int(datetime.fromisoformat(line["value"]["time"]).timestamp() * 1000)
    return Event(time_ms, line["topic"], line["key"].encode(), json.dumps(line["value"]).encode())


def data(output: Output) -> dict[str, Any]:
    """What an output says."""
    assert output.value is not None
    found: dict[str, Any] = json.loads(output.value)["data"]
    return found
