"""Mistakes of our own code in an adapter: they concern one account, and must end nothing but what they happened in."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from connectors.delivery.errors import AdapterFailed, AgencyError
from connectors.delivery.metrics import Metrics
from streams.engine.deadletter import of_exception

log = logging.getLogger(__name__)

Done = TypeVar("Done")


async def told_as_failed(metrics: Metrics, work: Awaitable[Done]) -> Done:
    """What comes of `work`, a call of an adapter. Raises AgencyError: AdapterFailed where it raised anything else."""
    try:
        return await work
    except AgencyError:
        raise
    except Exception as error:  # its message may hold what an agency answered
        poison = of_exception(error)
        metrics.errors.labels(poison.reason).inc()
        log.error("an adapter failed: %s", poison.detail)
        raise AdapterFailed(poison.detail) from None
