"""From `collection.commands` to `agency.outbox`: every command to the outbox of its account, unchanged, once.

Only case.submit names the account; the other commands of a handover follow it. Which way that was is a record `route/<handover id>` on the
ledger, written with the submit. A contract's commands stand in one partition in their order, so the route is there before it is asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from connectors.delivery.agency import account_key
from connectors.delivery.book import Entry
from schemas import codec, topics
from schemas.commands import CaseSubmit, CommandEvent
from streams.engine import deadletter
from streams.engine.protocol import Output, Poison, Record

RECORD_BYTES_MAX: Final = 1_000_000
"""The outbox must take what `collection.commands` took, with a longer key: an event has 256 KiB, but headers are not counted there."""


def dispatched(records: Iterable[Record], routes: Mapping[str, str]) -> Entry:
    """What to write for records of `collection.commands`; `routes` are those known so far."""
    new: dict[str, str] = {}
    outputs: list[Output] = []
    finished: list[tuple[str, int]] = []
    for record in records:
        outputs.append(_output(record, routes, new))
        finished.append((topics.COMMANDS, record.offset))
    return Entry(outputs=tuple(outputs), routes=new, finished=tuple(finished))


def _output(record: Record, routes: Mapping[str, str], new: dict[str, str]) -> Output:
    try:
        command: CommandEvent = codec.decode(topics.COMMANDS, record.value, record.headers, record.key)
    except codec.Unreadable as error:
        return _dead(record, Poison(error.reason, error.detail))
    handover_id = command.data.handover_id
    if isinstance(command, CaseSubmit):
        new[handover_id] = account_key(command.tenant, command.data.agency_account)
    account = new.get(handover_id) or routes.get(handover_id)
    if account is None:
        return _dead(record, Poison("unknown handover", f"{command.type} for a handover that was never submitted here"))
    if (size := _size_bytes(record)) > RECORD_BYTES_MAX:
        return _dead(record, Poison("too large", f"{size} bytes with its headers; a command's record has at most {RECORD_BYTES_MAX}"))
    return Output(topics.OUTBOX, account.encode(), record.value, record.timestamp_ms, record.headers)


def _size_bytes(record: Record) -> int:
    return len(record.value or b"") + sum(len(name) + len(content) for name, content in record.headers)


def _dead(record: Record, poison: Poison) -> Output:
    return deadletter.letter(record, poison, deadletter.DECODE, topics.DEAD_LETTERS_SUFFIX)
