"""What running connectors say of the agencies they send to: their status pages, asked at once. Who does not answer is left out."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from console.actions.office import GateTold

log = logging.getLogger(__name__)

WITHIN_S: Final = 2.0
"""A connector tells it from memory, though it asks Kafka for its lag besides."""


async def gates(urls: Sequence[str]) -> dict[str, GateTold]:
    """By `<tenant>/<account>`."""
    async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as http:
        answers = await asyncio.gather(*(_asked(http, url) for url in urls))
    return {key: gate for answer in answers for key, gate in answer.items()}


async def _asked(http: httpx.AsyncClient, url: str) -> dict[str, GateTold]:
    try:
        told: dict[str, Any] = (await http.get(f"{url.rstrip('/')}/status")).json()  # a 503 says as much: Kafka does not tell the lag
        accounts = dict(told["accounts"]).items()
        return {key: GateTold(datetime.fromisoformat(one["since"]), str(one["trouble"]), int(one["parked"])) for key, one in accounts}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        log.info("the connector at %s does not say how its agencies are: %s", url, type(error).__name__)
        return {}
