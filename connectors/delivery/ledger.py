"""What is known of each handover: what was sent, what may have been sent, what waits, what was told. Pure values and steps between them.

One record a handover on `collection.ledger`, on the partition of its account's outbox; the latest says all. Theory of operation:

  - Before a request that changes something leaves, the command's id stands as `intent` in a committed record. So whoever takes over after
    a crash sees which request may have reached the agency, and asks before sending it again.
  - What came of it (RESULT) clears the intent, in the same transaction as the replies and the offset of the command.
  - `through` is the offset of the last command of this handover that was finished or parked. Offsets are committed up to the lowest
    unfinished command of the whole partition, so after a restart finished ones are read again and known by it.
  - What cannot go now is `parked`, command included, and its offset moves on: nothing pins the log. Parked commands go in their order.
  - `told` names the replies that were written; the same thing told by the agency twice, by feed and by poll, is one reply.
"""

from typing import Final, Literal, TypeAlias

import msgspec

Standing: TypeAlias = Literal["new", "taken", "rejected", "failed", "unknown", "cancelled"]
"""new: not sent, or not known to be; taken: the agency has the case; rejected: it would not take it; failed: it could not be sent and a
person knows; unknown: a person must find out; cancelled: recalled before it was sent."""

VERSION: Final = 1

PARKED_BYTES_MAX: Final = 400_000
"""What may wait of one handover: with `TOLD_MAX` names its record stays below Kafka's default of 1 MiB. A command is at most 256 KiB."""
TOLD_MAX: Final = 2_000
"""Replies remembered of one handover. One that is forgotten and told again has the same id, so it is no second fact to whoever reads it."""


class Parked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command that waits. `since_ms` in calendar time; `tries` counts how often it was taken up again."""

    id: str
    type: str
    command: msgspec.Raw
    reason: str
    since_ms: int
    tries: int = 0


class Handover(msgspec.Struct, frozen=True, omit_defaults=True):
    """See the module's first lines. `time_ms` is the time of its latest command. No person data."""

    tenant: str
    contract: str
    account: str
    time_ms: int = 0
    standing: Standing = "new"
    case_id: str | None = None
    closed: bool = False
    intent: str | None = None
    through: int = -1
    parked: tuple[Parked, ...] = ()
    told: tuple[str, ...] = ()
    version: int = VERSION

    @property
    def parked_bytes(self) -> int:
        """Size of the commands that wait."""
        return sum(len(bytes(parked.command)) for parked in self.parked)

    def waits(self, command_type: str) -> bool:
        """Whether a command of this type is parked."""
        return any(parked.type == command_type for parked in self.parked)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Handover)


class LedgerUnreadable(ValueError):
    """A ledger record of another version, or none at all: going on would send again what was sent."""


def encode(handover: Handover) -> bytes:
    return _encoder.encode(handover)


def decode(value: bytes) -> Handover:
    """Raises LedgerUnreadable."""
    try:
        handover = _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise LedgerUnreadable(f"a ledger record can't be read: {error}") from None
    if handover.version > VERSION:
        raise LedgerUnreadable(
            f"a ledger record has version {handover.version}, this release reads up to {VERSION}; start the newer release"
        )
    # Raw values are views of the whole buffer; copies let it go.
    return msgspec.structs.replace(handover, parked=tuple(_own(parked) for parked in handover.parked))


def _own(parked: Parked) -> Parked:
    return msgspec.structs.replace(parked, command=parked.command.copy())


def intended(handover: Handover, command_id: str) -> Handover:
    """The request of this command is about to leave."""
    return msgspec.structs.replace(handover, intent=command_id)


def finished(handover: Handover, command_id: str, offset: int | None) -> Handover:
    """The command is done. `offset`: where it stands on the outbox; None if it was parked."""
    left = tuple(parked for parked in handover.parked if parked.id != command_id)
    intent = None if handover.intent == command_id else handover.intent
    return msgspec.structs.replace(handover, intent=intent, parked=left, through=_through(handover, offset))


def parked(handover: Handover, waiting: Parked, offset: int | None, *, maybe_sent: bool) -> Handover:
    """The command waits: at the end of the queue, or where it already stands in it. One that may have been sent keeps its intent, so that
    it is asked about."""
    if any(known.id == waiting.id for known in handover.parked):
        queue = tuple(waiting if known.id == waiting.id else known for known in handover.parked)
    else:
        queue = (*handover.parked, waiting)
    intent = None if handover.intent == waiting.id and not maybe_sent else handover.intent
    return msgspec.structs.replace(handover, parked=queue, intent=intent, through=_through(handover, offset))


def cancelled(handover: Handover, offset: int | None) -> Handover:
    """Recalled unsent: nothing of it will go any more."""
    return msgspec.structs.replace(handover, standing="cancelled", intent=None, parked=(), through=_through(handover, offset))


def standing(handover: Handover, now: Standing) -> Handover:
    return msgspec.structs.replace(handover, standing=now)


def taken(handover: Handover, case_id: str) -> Handover:
    """The agency has the case."""
    return msgspec.structs.replace(handover, standing="taken", case_id=case_id)


def closed(handover: Handover) -> Handover:
    return msgspec.structs.replace(handover, closed=True)


def told(handover: Handover, name: str) -> Handover:
    return msgspec.structs.replace(handover, told=(*handover.told, name)[-TOLD_MAX:])


def _through(handover: Handover, offset: int | None) -> int:
    return handover.through if offset is None else max(handover.through, offset)
