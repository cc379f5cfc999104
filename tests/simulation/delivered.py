"""What must be true of the agency's cases and of the replies when all is over, as the brokers and the agency hold it."""

import itertools
import json
from collections import Counter, defaultdict
from typing import Any
from uuid import uuid5

from schemas import topics
from schemas.ids import NAMESPACE
from tests.simulation.agency import Bureau, Case
from tests.simulation.kafka import batches
from tests.simulation.kafka.cluster import Shares

_TELLS_OF_A_CASE = ("case.passed", "case.accepted", "case.payment_received", "case.message_received", "case.question_asked", "case.closed")
_ENDS = ("case.passed", "case.rejected", "case.closed")
_TROUBLE = ("case.failed", "case.submission_unknown")
_NEVER = ("connector_error", "too_much_waiting", "agency_error")
"""Reasons of a failure that nothing here can give."""


def findings(cluster: Shares, partitions: int, bureau: Bureau, *, paused: bool) -> list[str]:
    """What is wrong. `paused`: a connector stood still for a while, so it may have sent what a successor had asked about already."""
    commands, replies = _events(cluster, partitions, topics.COMMANDS), _events(cluster, partitions, topics.REPLIES)
    submits = {event["data"]["handover_id"]: event for event in commands if event["type"] == "case.submit"}
    told: dict[str, list[Any]] = defaultdict(list)
    for reply in replies:
        told[reply["data"]["handover_id"]].append(reply)
    found = [f"reply {name} is told {count} times" for name, count in Counter(one["id"] for one in replies).items() if count > 1]
    found += [f"kept as belonging to nobody: {event}" for event in _events(cluster, partitions, topics.INBOX) if "why" in event]
    dead = _events(cluster, partitions, topics.dead_letters(topics.COMMANDS))
    # Those about a case that was with an agency before its contract was moved in here are rightly dead.
    found += [f"a dead letter: {event}" for event in dead if event["data"]["handover_id"] in submits]
    for handover_id in sorted(submits.keys() | bureau.cases.keys()):
        wrong = _of(submits.get(handover_id), bureau.cases.get(handover_id, []), told[handover_id], bureau)
        wrong += [] if paused and not bureau.strict else _unasked(bureau.trail[handover_id])
        found += [f"handover {handover_id}: {one}; {bureau.trail[handover_id]}" for one in wrong]
    ids = {event["id"] for event in commands if event["type"] == "case.report_payment"}
    reported = Counter(key for cases in bureau.cases.values() for case in cases for key in case.reported)
    return found + [
        f"payment report {key} is no command, or was counted {count} times"
        for key, count in reported.items()
        if count > 1 or key not in ids
    ]


def _of(submit: Any, cases: list[Case], told: list[Any], bureau: Bureau) -> list[str]:
    """What is wrong with one handover."""
    if submit is None:
        return ["the agency has a case that nobody ordered"] if cases else []
    types = [reply["type"] for reply in told]
    answers = {str(uuid5(NAMESPACE, f"{submit['data']['handover_id']}/{kind}/{submit['id']}")) for kind in _TROUBLE}
    answered = any(reply["type"] in _ENDS or reply["id"] in answers for reply in told)
    found = [] if answered else ["it was never answered"]
    found += [f"{len(cases)} cases"] if len(cases) > 1 else []
    found += [f"failed with {reply['data']['reason']}" for reply in told if reply["data"].get("reason") in _NEVER]
    if "case.submission_unknown" in types and bureau.capabilities.asks_by_reference:
        found.append("told to be unknown, though the agency can be asked")
    if not cases:
        return found + (["told to be passed, and the agency has no case"] if "case.passed" in types else [])
    case = cases[0]
    if case.submission.data.open_amount != submit["data"]["open_amount"]:
        found.append("the case is over another amount")
    if "case.submission_unknown" in types or not (bureau.capabilities.feed or bureau.capabilities.webhook):
        expected = {change.what.type for change in case.changes}
        known = "case.passed" in types or "case.submission_unknown" in types
        return found + ([] if known and set(types) & set(_TELLS_OF_A_CASE) <= expected else [f"told {types}, the case had {expected}"])
    happened = [change.what.type for change in case.changes]
    said = [kind for kind in types if kind in _TELLS_OF_A_CASE]
    return found + ([] if said == happened else [f"told {said}, the case had {happened}"])


def _unasked(trail: list[str]) -> list[str]:
    """A submission may be sent again if the one before surely was not taken, or the agency was asked since."""
    pairs = [(before, now) for before, now in itertools.pairwise(trail) if now == "sent"]
    return ["sent again without asking"] if any(before in ("sent", "taken") for before, _ in pairs) else []


def _events(cluster: Shares, partitions: int, topic: str) -> list[Any]:
    logs = [cluster.log(topic, number) for number in range(partitions)]
    records = [record for log in logs for batch in log.committed() for record in batches.records(batch.data)]
    return [json.loads(record.value) for record in records]
