"""What `mahnlauf explain` tells of a contract, for a page of the console."""

import asyncio
from typing import Final

from console.actions.office import Explained
from mahnlauf.explain.coming import coming, what_if
from mahnlauf.explain.found import on_cluster
from mahnlauf.explain.standing import reasons, turn_of
from mahnlauf.failures import BadInput
from streams.engine.cluster import Connection

WITHIN_S: Final = 20.0
"""All that its partition ever took in is read; who looks at a page waits no longer than that."""


async def explained(connection: Connection, key: str) -> Explained:
    """Raises BadInput, ClusterWrong, EngineError."""
    try:
        async with asyncio.timeout(WITHIN_S):
            found = await on_cluster(connection, key, lambda _read, _end: None)
    except TimeoutError:
        raise BadInput(f"reading what its partition holds took more than {WITHIN_S:.0f} s: ask mahnlauf explain {key}") from None
    turn = turn_of(found)
    why = [(reason.section, reason.words) for reason in reasons(turn)]
    then = [(one.at, one.words) for one in coming(found)]
    return Explained(
        turn.day, found.contract.status, why, then, [(one.cause, one.effect) for one in what_if(found, turn)], found.dead_letters
    )
