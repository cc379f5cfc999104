"""What is known of a contract: frozen facts, each as its event told it.

Facts are kept in order of arrival and never changed. Whoever reads them sorts or picks by what they say (days, times, ids), so that
what follows from them does not depend on the order in which they came (`escalation.md` 1). Amounts are minor units, `time_us` is
microseconds since 1970.
"""

from datetime import date
from operator import attrgetter

from msgspec import Struct


class Fact(Struct, frozen=True, array_like=True):
    """Base of all facts; kept in a state as an array."""


class Invoice(Fact, frozen=True):
    """A receivable as it was issued."""

    invoice_id: str
    number: str | None
    issued_on: date
    due_on: date
    amount: int
    payment_method: str | None = None
    subject_matter: str | None = None
    service_from: date | None = None
    service_to: date | None = None

    @property
    def fee_key(self) -> str:
        """What fees are decided for: parts of one invoice share its number."""
        return self.number or self.invoice_id


class Correction(Fact, frozen=True):
    invoice_id: str
    time_us: int
    event_id: str
    amount: int | None
    due_on: date | None


class Ending(Fact, frozen=True):
    """Something known by `of` was cancelled, released or reversed; of several the earliest is kept."""

    of: str
    time_us: int


class Portion(Fact, frozen=True):
    """Part of a receivable, by component."""

    invoice_id: str
    principal: int
    costs: int
    interest: int


class WriteOff(Fact, frozen=True):
    """`portion` is what was open at the moment the write-off met its receivable; None until both are known."""

    invoice_id: str
    time_us: int
    event_id: str
    asked: int | None
    portion: Portion | None


class CreditNote(Fact, frozen=True):
    """Lowers its receivable; without one it is credit on the contract from its local day on."""

    credit_note_id: str
    invoice_id: str | None
    amount: int
    currency: str | None
    time_us: int


class Allocated(Fact, frozen=True):
    invoice_id: str
    amount: int


class Payment(Fact, frozen=True):
    """`counts_on` is the value date, or the local day of arrival where that lay in the future."""

    payment_id: str
    amount: int
    currency: str
    value_date: date
    counts_on: date
    time_us: int
    invoice_id: str | None = None
    allocations: tuple[Allocated, ...] = ()
    via_agency: bool = False
    withheld: int = 0

    @property
    def designated(self) -> tuple[Allocated, ...]:
        """What the debtor designated it for: receivables and up to how much of it."""
        if self.invoice_id is not None and not self.allocations:
            return (Allocated(self.invoice_id, self.amount),)
        return self.allocations


class Initiation(Fact, frozen=True):
    """Money is on its way."""

    payment_id: str
    amount: int
    currency: str
    expected_on: date | None
    time_us: int


class Failure(Fact, frozen=True):
    payment_id: str
    time_us: int
    reason_code: str | None = None


class Refund(Fact, frozen=True):
    refund_id: str
    payment_id: str
    amount: int
    refunded_on: date | None
    time_us: int = 0


class Chargeback(Fact, frozen=True):
    chargeback_id: str
    payment_id: str
    amount: int
    fee: int
    reason_code: str | None
    booked_on: date


class Reversal(Fact, frozen=True):
    """A chargeback was reversed; of several the earliest is kept."""

    chargeback_id: str
    time_us: int
    booked_on: date


class Hold(Fact, frozen=True):
    hold_id: str
    kind: str
    invoice_id: str | None
    from_: date | None
    until: date | None
    time_us: int


class Occurrence(Fact, frozen=True):
    """Something that befell the debtor: `kind` insolvency or deceased."""

    kind: str
    occurred_on: date
    time_us: int


class Dispute(Fact, frozen=True):
    dispute_id: str
    invoice_id: str | None
    time_us: int


class Resolution(Fact, frozen=True):
    dispute_id: str
    time_us: int
    upheld: bool


class Plan(Fact, frozen=True):
    """`instalments` are (due day, amount) in order of their days. Without `invoice_ids` it is about all that was issued until then."""

    plan_id: str
    time_us: int
    instalments: tuple[tuple[date, int], ...]
    invoice_ids: tuple[str, ...] | None


class AgencyPayment(Fact, frozen=True):
    """What an agency says it collected. `counts` is false if its case was closed successfully before: the close counted it."""

    handover_id: str
    payment_id: str
    amount: int
    value_date: date
    counts_on: date
    counts: bool


class Configuration(Fact, frozen=True):
    time_us: int
    event_id: str
    policy: str | None
    agency_account: str | None
    debtor_kind: str | None
    mandate_since: date | None
    time_zone: str | None
    language: str | None
    country: str | None


class Facts(Struct, frozen=True, array_like=True):
    """All that was told about one contract."""

    invoices: tuple[Invoice, ...] = ()
    corrections: tuple[Correction, ...] = ()
    cancelled_invoices: tuple[Ending, ...] = ()
    write_offs: tuple[WriteOff, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    cancelled_credit_notes: tuple[Ending, ...] = ()
    payments: tuple[Payment, ...] = ()
    failures: tuple[Failure, ...] = ()
    refunds: tuple[Refund, ...] = ()
    chargebacks: tuple[Chargeback, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    holds: tuple[Hold, ...] = ()
    releases: tuple[Ending, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    agency_payments: tuple[AgencyPayment, ...] = ()
    configurations: tuple[Configuration, ...] = ()
    initiations: tuple[Initiation, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    plans: tuple[Plan, ...] = ()
    cancelled_plans: tuple[Ending, ...] = ()


_ALL = attrgetter(*Facts.__struct_fields__)


def count(facts: Facts) -> int:
    """How many facts are known."""
    return sum(map(len, _ALL(facts)))


def ended(endings: tuple[Ending, ...]) -> dict[str, int]:
    """The moment (microseconds) at which each thing ended."""
    found: dict[str, int] = {}
    for ending in endings:
        found[ending.of] = min(ending.time_us, found.get(ending.of, ending.time_us))
    return found
