"""What must be true of texts when all is over: each word for the agency reached it once or somebody was told; the agency's own are sealed.

A text that an agency writes stands nowhere on Kafka in the clear, and what stands there opens to what it wrote.
"""

import json
from typing import Any
from uuid import uuid5

from connectors.delivery.sealing import Keys, SealBroken
from connectors.delivery.texts import Texts
from schemas import topics
from schemas.ids import NAMESPACE
from streams.engine.cluster import Cluster
from tests.simulation.agency import SECRET_WORDS, Bureau, Case
from tests.simulation.kafka import batches
from tests.simulation.world import World

_SAYS = ("case.send_message", "case.answer")
_WRITES = ("case.message_received", "case.question_asked")


async def findings(world: World, bureau: Bureau, keys: Keys) -> list[str]:
    """What is wrong."""
    told = {event["id"]: event for event in _events(world, topics.REPLIES)}
    return [*_in_the_clear(world), *_not_said(world, bureau, told), *await _not_opened(world, bureau, keys, list(told.values()))]


def _in_the_clear(world: World) -> list[str]:
    secret = SECRET_WORDS.encode()
    places = [(spec.name, number) for spec in topics.TOPICS for number in range(world.partitions if spec.partitioned else 1)]
    return [f"{name}-{number} holds words of the agency in the clear" for name, number in places if _holds(world, name, number, secret)]


def _holds(world: World, topic: str, number: int, secret: bytes) -> bool:
    return any(secret in batch.data for batch in world.cluster.log(topic, number).stored)


def _not_said(world: World, bureau: Bureau, told: dict[str, Any]) -> list[str]:
    """Commands with words that reached the agency more than once, or never though nobody was told."""
    said = [event for event in _events(world, topics.COMMANDS) if event["type"] in _SAYS]
    found = []
    for event in said:
        handover_id, cases = event["data"]["handover_id"], bureau.cases.get(event["data"]["handover_id"], [])
        count = sum(case.words.count(event["id"]) for case in cases)
        answers = {str(uuid5(NAMESPACE, f"{handover_id}/{kind}/{event['id']}")) for kind in ("case.failed", "case.submission_unknown")}
        if count > 1:
            found.append(f"{event['type']} {event['id']} of handover {handover_id} reached the agency {count} times")
        needless = event["data"].get("text_key") and any(case.closed for case in cases)  # our own words, and nobody's case any more
        if not count and cases and not needless and not answers & told.keys():
            found.append(f"{event['type']} {event['id']} of handover {handover_id} never reached the agency, and nobody is told")
    ids = {event["id"] for event in said}
    strangers = {key for case in _cases(bureau) for key in case.words} - ids
    return found + [f"the agency was told {key}, which nobody wrote" for key in sorted(strangers)]


async def _not_opened(world: World, bureau: Bureau, keys: Keys, told: list[Any]) -> list[str]:
    wrote = {(change.reference, change.change_id): change.what for case in _cases(bureau) for change in case.changes}
    by_reply = {str(uuid5(NAMESPACE, f"{reference}/{what.type}/{name}")): what for (reference, name), what in wrote.items()}
    cluster = Cluster(world.connection, "judge")
    texts = Texts(world.connection, cluster, keys)
    await cluster.start()
    try:
        return [
            f"{event['type']} {event['id']} can't be read, or says something else"
            for event in told
            if event["type"] in _WRITES and not await _says(texts, event, by_reply[event["id"]])
        ]
    finally:
        await texts.stop()
        await cluster.stop()


async def _says(texts: Texts, event: Any, what: Any) -> bool:
    contract, data = f"{event['tenant']}/{event['subject']}", event["data"]
    sealed = [data["text"], *(data.get("options") or ())]
    try:
        return [await texts.open(contract, one) for one in sealed] == [what.text, *(getattr(what, "options", None) or ())]
    except SealBroken:
        return False


def _cases(bureau: Bureau) -> list[Case]:
    return [case for cases in bureau.cases.values() for case in cases]


def _events(world: World, topic: str) -> list[Any]:
    logs = [world.cluster.log(topic, number) for number in range(world.partitions)]
    return [json.loads(record.value) for log in logs for batch in log.committed() for record in batches.records(batch.data)]
