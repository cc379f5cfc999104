"""`mahnlauf console` as a person starts it: one link, one admin, and what happens on Kafka is seen on the page."""

import asyncio
import re
import threading
from pathlib import Path

import httpx

from tests.console.kit import lived
from tests.front_door.calling import Run


def test_from_the_first_link_to_the_first_case(own_kafka: str, tmp_path: Path) -> None:
    asyncio.run(lived(own_kafka, tmp_path))
    run = Run(own_kafka, tmp_path)
    try:
        run.start("console", "--port", "0", until="make the first admin")
        link = re.search(r"http://127\.0\.0\.1:\d+/welcome/[\w-]+", "".join(run.said))
        assert link is not None
        with httpx.Client(follow_redirects=True, timeout=20) as browser:
            browser.post(link[0], data={"name": "anna", "password": "correct horse battery"}).raise_for_status()
            _seen(browser, httpx.URL(link[0]).join("/cases"), "/cases/acme/C-1003")
            assert browser.get(httpx.URL(link[0]).join("/cases/acme/C-1003")).status_code == 200
            assert browser.get(link[0]).status_code == 404
            invited = run("invite", "--role", "work", "--tenant", "acme")
            door = httpx.URL(link[0]).join(httpx.URL(invited.stdout.strip()).path)
        with httpx.Client(follow_redirects=True, timeout=20) as browser:
            browser.post(door, data={"name": "willi", "password": "correct horse battery"}).raise_for_status()
            assert 'name="order"' in browser.get(httpx.URL(link[0]).join("/cases/acme/C-1003")).text, "who works is offered orders"
    finally:
        run.stop()


def _seen(browser: httpx.Client, page: httpx.URL, words: str) -> None:
    pause = threading.Event()
    for _ in range(300):
        if words in browser.get(page).text:
            return
        pause.wait(0.1)
    raise AssertionError(f"{words} was not seen on {page}")
