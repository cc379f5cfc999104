"""Our web server answers at once: no part of an answer waits for the other side's acknowledgement of the part before."""

import statistics
import time

import httpx

from connectors.sandbox.app import Sandbox


async def test_an_answer_does_not_wait_for_an_acknowledgement(sandbox: Sandbox) -> None:
    took_ms = []
    async with httpx.AsyncClient(base_url=sandbox.url) as client:
        for _ in range(20):
            begun = time.perf_counter()
            (await client.get("/clock")).raise_for_status()
            took_ms.append((time.perf_counter() - begun) * 1000)
    assert statistics.median(took_ms) < 30  # such a wait is 40 ms; a new connection's first answers are acknowledged at once
