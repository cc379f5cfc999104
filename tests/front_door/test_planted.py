"""Secrets and person data are planted wherever they may stand, and a full run with every agency there is, with trouble, is looked through
for them: all that was said, served and written, and every topic but `billing.debtors`, where person data belongs."""

import base64
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.agencies.registry import AGENCIES, WEBHOOKS
from mahnlauf.broker.ports import choose_port
from schemas import topics
from schemas.fields import is_sealed
from tests.connectors import signing
from tests.engine.kit import Publisher, eventually, read_all
from tests.front_door.calling import Run

MARK = "pl4nt"
"""Part of every secret, name and text; looked for in any case, and base64 and percent signs hide none of it where it is decoded."""
PERSON = {
    "kind": "consumer",
    "first_name": "Pl4ntErika",
    "last_name": "Pl4ntmann",
    "birth_date": "1971-03-14",
    "emails": ["pl4nt@example.org"],
    "phones": ["+49 69 55501990"],
    "iban": "DE89370400440532013000",
    "customer_id": "pl4nt-4711",
}
ADDRESS = {"street": "Pl4ntgasse 7", "postal_code": "60311", "city": "Pl4ntstadt", "country": "DE"}
TRACES = (MARK, "1971-03-14", "55501990", "DE89370400440532013000")
SAID_BY_THE_AGENCY, ASKED, WRITTEN = ("Frau Pl4ntmann meldet sich", "Wohnt Frau Pl4ntmann dort?", "Frau Pl4ntmann zahlt morgen")
STORY = [
    {"day": 1, "status": "Accepted"},
    {"day": 2, "message": SAID_BY_THE_AGENCY},
    {"day": 2, "question": ASKED},
    {"day": 3, "document": "invoice"},
]
TOLD = {"case.message_received", "case.question_asked", "case.document_added"}
POLICY = """\
policy: standard
time_zone: Europe/Berlin
at: "08:00"
steps:
  - {kind: remind, day: 1, level: 1}
  - {kind: hand_over, day: 3, account: main}
"""
TENANT = "tenant: acme\ndefault_policy: standard\ncreditor: {name: Acme GmbH, address: 'Am Markt 1, 60311 Frankfurt'}\n"
TROUBLE = (
    {"kind": "429", "retry_after_s": 1, "operation": "submit", "count": 2},
    {"kind": "503", "when": "after", "operation": "submit", "count": 2},
    {"kind": "500", "when": "before", "operation": "submit", "count": 2},
    {"kind": "reject", "field": "debtor.city", "count": 1},
)
CASES = ("plain", "incomplete", "broken", "spoken")
"""Debtors: as they should be; with an address that agencies refuse; with a description that can't be read; and one of whom the agency tells
a person's words where a code belongs."""
SPOKEN = [{"day": 1, "status": "Rejected", "reason": "Frau Pl4ntmann ist verzogen"}]


@pytest.fixture
def run(own_kafka: str, tmp_path: Path) -> Iterator[Run]:
    runs = Run(own_kafka, tmp_path)
    try:
        yield runs
    finally:
        runs.stop()


def secret(agency: str) -> str:
    return f"s3cr3t-{agency}-{MARK}"


def webhook_secret(agency: str) -> str:
    return base64.b64encode(f"{MARK}-webhook-{agency}".encode()).decode()


def event(topic: str, contract: str, event_type: str, time: str, **data: Any) -> str:
    value = {"specversion": "1.0", "id": f"{event_type}-{contract}-{time}", "source": "/desk", "type": event_type, "subject": contract}
    return json.dumps({"topic": topic, "key": f"acme/{contract}", "value": {**value, "tenant": "acme", "time": time, "data": data}}) + "\n"


def receivables() -> Iterator[str]:
    for agency in AGENCIES:
        for case in CASES:
            contract, at = f"{agency}-{case}", "2026-01-01T09:00:00Z"
            yield event(topics.CONTRACTS, contract, "contract.configured", at, agency_account=agency)
            invoice = {"invoice_id": f"i-{contract}", "issued_on": "2026-01-01", "due_on": "2026-01-05", "amount": 4000, "currency": "EUR"}
            yield event(topics.INVOICES, contract, "invoice.issued", at, **invoice)
            address = ADDRESS if case in ("plain", "spoken") else {name: value for name, value in ADDRESS.items() if name != "postal_code"}
            if case != "broken":
                yield event(topics.DEBTORS, contract, "debtor.described", at, **PERSON, addresses=[address])


def words() -> Iterator[str]:
    for agency in AGENCIES:
        yield event(
            topics.INSTRUCTIONS, f"{agency}-plain", "case.message_written", "2026-01-20T09:00:00Z", by="ann", message_id="M1", text=WRITTEN
        )


@pytest.mark.timeout(500)
async def test_what_is_planted_is_found_nowhere_after_a_full_run(
    run: Run, own_kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inputs = tmp_path_factory.mktemp("inputs")  # what goes in is no part of what a run leaves behind
    ports = {name: choose_port(None) for name in ("WORKER", "CONNECTOR", "WEBHOOKS")}
    run.use(LOG__LEVEL="debug", **{f"{name}__PORT": str(port) for name, port in ports.items()})
    for name, lines in (("receivables", receivables()), ("words", words())):
        (inputs / f"{name}.jsonl").write_text("".join(lines))
    (inputs / "policy.yaml").write_text(POLICY)
    (inputs / "tenant.yaml").write_text(TENANT)

    assert run("topics", "create", "--partitions", "2").returncode == 0
    assert run("keys", "new", "key").returncode == 0
    run.key("key")
    files = inputs / "sandbox"  # Prokur's files are the agency's own, and tell it of people
    run.use(CONNECTOR__SANDBOX_FOLDER=str(files))
    run.start("sandbox", "--port", str(run.port), "--folder", str(files), until="listens on")
    for agency in AGENCIES:
        (inputs / "webhook").write_text(webhook_secret(agency))
        add = ("accounts", "add", f"acme/{agency}", "--agency", agency, "--customer-id", "4711")
        done = run(*add, "--webhook-secret-file", str(inputs / "webhook"), secret=secret(agency))
        assert done.returncode == 0, done.stderr
    assert run("accounts", "add", "acme/odd", "--agency", "atriga", "--customer-id", "1", secret=f"{MARK}-é").returncode == 2
    assert run("tenant", "set", str(inputs / "tenant.yaml")).returncode == 0
    assert run("policy", "apply", str(inputs / "policy.yaml"), "--tenant", "acme").returncode == 0
    run.start("webhooks", until="webhooks are received on")
    run.start("worker", "--clock", "none", until="")
    run.start("connector", until="")

    async with httpx.AsyncClient() as http, Publisher(own_kafka) as publisher:
        sandbox, connector, webhooks = (f"http://127.0.0.1:{port}" for port in (run.port, ports["CONNECTOR"], ports["WEBHOOKS"]))
        for pages in (f"http://127.0.0.1:{ports['WORKER']}", connector):
            await eventually(partial(_ready, http, pages), f"{pages} is ready", 60)
        await http.post(f"{sandbox}/clock", json={"now": "2026-01-08T12:00:00Z"})
        await http.post(f"{sandbox}/script", json={"story": STORY})
        for agency in AGENCIES:
            await http.post(f"{sandbox}/script", json={"contract": f"{agency}-spoken", "story": SPOKEN})
        for fault in TROUBLE:
            (await http.post(f"{sandbox}/faults", json=fault)).raise_for_status()
        for agency in AGENCIES:
            await publisher.send(topics.DEBTORS, f"acme/{agency}-broken".encode(), f'{{"{MARK}": "Pl4ntmann"'.encode(), 1)
        done = run("publish", str(inputs / "receivables.jsonl"), "--tick", "12:00Z", "--until", "2026-01-10")
        assert done.returncode == 0, done.stderr
        handed_over = {f"{agency}-{case}" for agency in AGENCIES for case in CASES}
        await eventually(lambda: _answered(own_kafka, handed_over), "every handover was answered", 120)
        await http.post(f"{sandbox}/clock", json={"now": "2026-01-20T12:00:00Z"})
        assert run("publish", str(inputs / "words.jsonl"), "--tick", "12:00Z").returncode == 0
        for agency in WEBHOOKS:
            now, url = int(time.time()), f"{webhooks}/{agency}/acme/{agency}"
            one = signing.signed(agency, "d-1", "case-of-nobody", now, webhook_secret(agency), debtorName="Frau Pl4ntmann")
            answers = [await http.post(url, content=one.body, headers=dict(headers)) for headers in (one.headers, {})]
            assert [answer.status_code for answer in answers] == [200, 401]
            run.said += [answer.text for answer in answers]
        await eventually(lambda: _told(own_kafka, TOLD), "the agency spoke", 120)
        await eventually(lambda: _at_rest(http, connector), "the connector is idle", 60)
        for port in ports.values():
            run.said += [(await http.get(f"http://127.0.0.1:{port}{page}")).text for page in ("/metrics", "/status", "/healthz", "/readyz")]
        run.said.append((await http.get(f"http://127.0.0.1:{ports['WORKER']}/contracts/acme/atriga-plain")).text)
    assert WRITTEN in run.aside("texts", "acme/atriga-plain").stdout
    for command in (("accounts", "list"), ("accounts", "validate"), ("keys", "reseal"), ("explain", "acme/atriga-plain"), ("audit",)):
        run(*command)
    run.stop()

    left = {path.name: path.read_text(errors="replace") for path in run.folder.rglob("*") if path.is_file()}
    left |= {f"said {number}": said for number, said in enumerate(run.said)}
    person_data = ""
    for topic in topics.TOPICS:
        content = "\n".join(repr((record.key, record.value, record.headers)) for record in await read_all(own_kafka, topic.name))
        if topic.name == topics.DEBTORS:
            person_data = content
        else:
            left[topic.name] = content
    found = {place: trace for place, text in left.items() for trace in TRACES if trace.lower() in text.lower()}
    assert found == {}
    assert all(trace.lower() in person_data.lower() for trace in TRACES)  # it is looked for as it is written
    assert all(agency in left[topics.REPLIES] for agency in AGENCIES)
    assert all(word in left[topics.REPLIES] for word in ("debtor_unreadable", "case.rejected", "case.accepted"))


async def _ready(http: httpx.AsyncClient, pages: str) -> bool:
    try:
        return (await http.get(f"{pages}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def _replies(bootstrap: str) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"{}") for record in await read_all(bootstrap, topics.REPLIES)]


async def _answered(bootstrap: str, contracts: set[str]) -> bool:
    return {reply["subject"] for reply in await _replies(bootstrap)} >= contracts


async def _told(bootstrap: str, types: set[str]) -> bool:
    replies = await _replies(bootstrap)
    texts = [reply["data"]["text"] for reply in replies if reply["type"] in ("case.message_received", "case.question_asked")]
    assert all(is_sealed(text) for text in texts)
    ended = {reply["subject"] for reply in replies if reply["type"] in ("case.rejected", "case.closed")}
    return {reply["type"] for reply in replies} >= types and "atriga-spoken" in ended and "paywise-spoken" in ended


async def _at_rest(http: httpx.AsyncClient, connector: str) -> bool:
    status = (await http.get(f"{connector}/status")).json()
    return not any(status["lag"].values()) and not status["unfinished"] and not status["halted"]
