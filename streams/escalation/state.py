"""The state of one contract: its facts, and what was decided from them. Immutable; encoded as MessagePack arrays.

Whatever can be worked out from the facts is not kept. Kept are decisions that are taken once (steps, handovers, what was written off at
a moment) and what was already told (ids are numbered by it).
"""

from datetime import date

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schemas.fields import Status
from streams.escalation.facts import Facts, Portion

STATE_VERSION = 2
"""Schema version of the encoded states and settings: raised by each release that changed these structs. They only grow at their ends, so
that what the version before wrote is read with the defaults of what it did not know."""
RULES = 8
"""Number of the rules, raised by any change that alters outputs: journal and audit know by it which code decided."""

RECEIVABLES_MAX = 1_000
"""A contract with more receivables is several contracts; each evaluation looks at all of them."""
FACTS_MAX = 5_000
"""Some hundred bytes each: beyond, a state would outgrow a record."""

FREE, IN_CASE, REJECTED, RECALLED, EXHAUSTED = "", "case", "rejected", "recalled", "exhausted"
"""Places of a receivable: on the ladder, in an open case, waiting for a person after a rejection or a recall, given up by the agency."""
WAITING = (REJECTED, RECALLED)


class Kept(Struct, frozen=True, array_like=True):
    """Base of what a state consists of."""


class Standing(Kept, frozen=True):
    """What was decided about one receivable. `case` is the number of its case in `Contract.cases`, where its place is not FREE."""

    invoice_id: str
    rung: int = 0
    reopened_on: date | None = None
    place: str = FREE
    case: int = -1


class Reminder(Kept, frozen=True):
    """A remind step that was taken. A skipped one (or one that could not be delivered) counts for nothing but its rung, and for the
    fee, which is decided once for ever: here, charged (`fee` > 0) or not, or, inside a breathing space, when that is over. `ordinal`
    numbers its notice within the cycle."""

    cycle: int
    step: int
    level: int
    day: date
    ordinal: int
    anchor: str
    fee: int
    covered: tuple[str, ...]
    skipped: bool = False
    fee_postponed_to: date | None = None
    fee_waits: bool = False

    @property
    def fee_on(self) -> date:
        """The day with which the fee is dated."""
        return self.fee_postponed_to or self.day

    @property
    def charged(self) -> int:
        """The fee as far as it is decided, minor units."""
        return 0 if self.skipped or self.fee_waits else self.fee


class BreathingSpace(Kept, frozen=True):
    """Days from `begin` up to but not including `end`. `invoice_ids`: what was overdue when it began, and in no earlier one."""

    cycle: int
    begin: date
    end: date
    invoice_ids: tuple[str, ...]


class Fixed(Kept, frozen=True):
    """What a successful close settled, by receivable, on that day; or wrote off (a settlement below the claim)."""

    handover_id: str
    day: date
    written_off: bool
    portions: tuple[Portion, ...]


class Recall(Kept, frozen=True):
    reason: str
    day: date


class Reported(Kept, frozen=True):
    """How much of a payment the agency knows to have settled receivables of its case."""

    payment_id: str
    amount: int


class Case(Kept, frozen=True):
    """A handover and what the agency made of it. `status_at_us` is when the last status reply applied occurred; `heard_on` and
    `status_heard_on` are the local days of the last reply of any kind and of the last status reply."""

    handover_id: str
    attempt: int
    account: str
    invoice_ids: tuple[str, ...]
    status: Status
    handed_over_on: date
    agency: str | None = None
    case_id: str | None = None
    stage: str | None = None
    status_at_us: int | None = None
    heard_on: date | None = None
    status_heard_on: date | None = None
    close_reason: str | None = None
    recalls: tuple[Recall, ...] = ()
    reported: tuple[Reported, ...] = ()
    adopted: bool = False
    """Taken over as it stood on `handed_over_on`; somebody else had handed it over."""
    refreshed_on: date | None = None
    """Local day of the last question how it stands."""


class Approval(Kept, frozen=True):
    """A person approved a step on that day, when so much (minor units) was overdue."""

    step: int
    day: date
    overdue_amount: int


class CallSeries(Kept, frozen=True):
    """Requests for calls that a step began: how many there were, the last one's day, and whether it is answered: not reached."""

    attempt: int
    max_attempts: int
    every_days: int
    asked_on: date
    unreached: bool = False

    def failed(self) -> "CallSeries":
        """The series after an attempt that reached nobody."""
        return replace(self, unreached=True)


class SignalOn(Kept, frozen=True):
    """A signal that is on, and the receivables that its steps covered."""

    name: str
    covered: tuple[str, ...]


class PlanNotice(Kept, frozen=True):
    """A notice about a plan that went out: the reminder of an instalment (from 1), or None: that the plan was broken."""

    plan_id: str
    instalment: int | None


class Stated(Kept, frozen=True):
    """The latest word of billing about what is open."""

    as_of: date
    time_us: int


class Change(Kept, frozen=True):
    """One of the last changes of the history."""

    at_us: int
    to: Status
    level: int


class Booked(Kept, frozen=True):
    """What accounting was told of one receivable, in all: minor units, in the order of `bookings.TOTALS`."""

    invoice_id: str
    totals: tuple[int, ...]


class Binding(Kept, frozen=True):
    """The version of a policy with which the cycle goes on."""

    policy: str
    version: int


class Original(Kept, frozen=True):
    """A record as the log holds it, kept where it may yet become a dead letter."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Unpriced(Kept, frozen=True):
    """A fact in a currency that cannot be judged until the first invoice says the contract's. `event` names it (source and id)."""

    event: str
    fact: str
    fact_id: str
    currency: str
    original: Original


class Contract(Kept, frozen=True):
    """All that is known and was decided of one contract.

    `current` is the number of the case in which the contract stands, None on the ladder. `causes` are causes of attention that last:
    one that was cleared is not set again meanwhile. `seen` are digests of (source, id) of events that have no id of their own.
    """

    clock_us: int = 0
    currency: str | None = None
    facts: Facts = Facts()
    seen: tuple[bytes, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    unapplied: tuple[str, ...] = ()

    status: Status = "Clear"
    level: int = 0
    cycle: int = 1
    begun: bool = False
    binding: Binding | None = None
    standings: tuple[Standing, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    stepped_on: date | None = None
    """Day of the last step of this cycle."""
    stepped_ever_on: date | None = None
    nothing_to_hand_over: bool = False
    ended_told: bool = False

    attempt: int = 0
    current: int | None = None
    handover_rung: int = 0
    cases: tuple[Case, ...] = ()
    fixed: tuple[Fixed, ...] = ()

    attention: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    policy_unknown: bool = False

    version: int = 0
    changes: tuple[Change, ...] = ()
    ordinals: tuple[int, ...] = ()
    shown: bytes = b""
    """Digest of the case-status last told, without its interest."""

    approvals: tuple[Approval, ...] = ()
    """Approvals of steps of this cycle."""
    calls: CallSeries | None = None
    signals: tuple[SignalOn, ...] = ()
    """Signals that are on, in order of their names."""
    win_back_on: date | None = None
    """Day on which a win_back notice goes out, unless something is overdue in between."""

    plan_notices: tuple[PlanNotice, ...] = ()
    balance: Stated | None = None
    heard_us: int = 0
    """The largest `time` of an event; the clock also goes on with ticks."""
    booked: tuple[Booked, ...] = ()
    """What accounting was told, of receivables of which it is not nothing."""
    breathing_spaces: tuple[BreathingSpace, ...] = ()
    """In the order in which they began, of all cycles."""
    forgotten: bool = False
    """Nothing is known but the next cycle and the history's last version: ids of what was told are never given again."""

    @property
    def case(self) -> Case | None:
        """The case in which the contract stands."""
        return None if self.current is None else self.cases[self.current]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Contract)


def dump(contract: Contract) -> bytes:
    """The state as bytes."""
    return _ENCODER.encode(contract)


def load(data: bytes, version: int) -> Contract:
    """The state from its bytes. Raises ValueError for a version that these rules do not know."""
    check_version(version)
    return _DECODER.decode(data)


def check_version(version: int) -> None:
    """Raises ValueError for a version of states or settings that these rules do not know."""
    if version not in (STATE_VERSION - 1, STATE_VERSION):
        raise ValueError(f"state of version {version}: these rules read {STATE_VERSION - 1} and {STATE_VERSION}; a newer release wrote it")
