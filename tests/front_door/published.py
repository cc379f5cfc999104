"""The stories of the demo on a cluster, as yet applied by nobody, and in a file: for tests that compare the two."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from mahnlauf import topics
from mahnlauf.configuration import apply_policy
from mahnlauf.policy_file import read_policy
from mahnlauf.publishing import Days, publish
from mahnlauf.stories import POLICY, TENANT, cases, lines
from schemas.policy import Policy
from streams.engine.cluster import Connection

TICK: Final = time(12)
"""UTC, once a day."""


@dataclass(frozen=True, slots=True)
class Published:
    connection: Connection
    events: Path
    policy: Policy


async def stories(bootstrap: str, folder: Path, number: int, until: date) -> Published:
    """The first so many stories under the demo's policy, with ticks up to that day."""
    connection, events, policy_file = Connection(bootstrap), folder / "told.jsonl", folder / "told.yaml"
    await topics.create(connection, 2)
    policy_file.write_text(POLICY)
    policy = read_policy(policy_file)
    events.write_bytes(b"".join(lines(list(cases())[:number])))
    await apply_policy(connection, TENANT, policy, datetime(2025, 1, 1, tzinfo=UTC))
    await publish(connection, [events], Days(TICK, until))
    return Published(connection, events, policy)
