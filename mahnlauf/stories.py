"""The demo's cases: 500 contracts with a story each, always the same ones.

A story is what a creditor's systems would publish: the debtor, invoices, payments, what goes wrong, and what people order. Days count from
the due day of the contract's first invoice; with `POLICY` the first reminder goes out about day 5, the second about day 14, the handover
about day 30 (later where that is no working day). For what the agency does with a case, a story has a script for the sandbox.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final

from schemas import topics
from schemas.ids import contract_key

TENANT: Final = "acme"
CONTRACTS: Final = 500
FIRST_DUE: Final = date(2025, 2, 4)
DUE_DAYS: Final = 21
"""The first invoices fall due on the working days of three weeks."""
LAST_DAY: Final = date(2025, 6, 13)
"""By then nearly every story has come to its end."""

POLICY: Final = """\
policy: standard
time_zone: Europe/Berlin
calendar: {country: DE, subdivision: HE}
at: "08:00"
minimum_open: {EUR: 500}
steps:
  - {kind: remind, day: 5, level: 1}
  - {kind: remind, day: 14, level: 2, fee: {EUR: 250}}
  - {kind: hand_over, day: 30, account: main}
"""
SETTINGS: Final = """\
tenant: acme
default_policy: standard
creditor: {name: Acme Fitness GmbH, address: "Am Markt 1, 60311 Frankfurt", iban: DE02120300000000202051, vat_deduction: true}
"""

Scene = dict[str, Any]
_ACCEPTED: Final[Scene] = {"day": 1, "status": "Accepted"}
_FIRST: Final[Scene] = {"day": 2, "status": "FirstDunningPhase", "dunning_level": 1}
_SECOND: Final[Scene] = {"day": 9, "status": "SecondDunningPhase", "dunning_level": 2}
_COLLECTION: Final[Scene] = {"day": 16, "status": "DebtCollection", "dunning_level": 3, "stage": "extrajudicial"}


def _paid(day: int) -> list[Scene]:
    return [{"day": day, "percent": 100}, {"day": day + 1, "status": "SuccessfullyClosed", "reason": "PAID_IN_FULL"}]


@dataclass(slots=True)
class Case:
    """A contract while its story is written. `amount` of its first invoice in cents; `lines` as publish reads them."""

    story: str
    contract: str
    due: date
    amount: int
    number: int
    agency: list[Scene] | None = None
    """What the sandbox does with the case; None: what its own rule says."""
    lines: list[dict[str, Any]] = field(default_factory=list)

    def event(self, topic: str, day: int, kind: str, hour: int = 9, /, **data: Any) -> None:
        """An event at `hour` UTC of `day`."""
        moment = datetime.combine(self.due + timedelta(days=day), datetime.min.time(), UTC) + timedelta(hours=hour)
        value = {
            "specversion": "1.0",
            "id": f"{self.contract}-{len(self.lines) + 1}",
            "source": "/demo",
            "type": kind,
            "subject": self.contract,
            "time": moment.isoformat().replace("+00:00", "Z"),
            "tenant": TENANT,
            "data": data,
        }
        self.lines.append({"topic": topic, "key": contract_key(TENANT, self.contract), "value": value})

    def day(self, day: int) -> str:
        return (self.due + timedelta(days=day)).isoformat()

    def debtor(self, day: int, *, postal_code: bool = True) -> None:
        street = {"street": f"Gartenweg {self.number % 120 + 1}", "city": _CITIES[self.number % len(_CITIES)], "country": "DE"}
        address = {**street, **({"postal_code": f"6{self.number % 10_000:04}"} if postal_code else {}), "source": "contract"}
        name = {"first_name": _FIRST_NAMES[self.number % len(_FIRST_NAMES)], "last_name": _LAST_NAMES[self.number // 3 % len(_LAST_NAMES)]}
        self.event(topics.DEBTORS, day, "debtor.described", kind="consumer", **name, addresses=[address])

    def invoice(self, number: int, due: int, amount: int, method: str = "transfer") -> str:
        invoice_id = f"{self.contract}-R{number}"
        self.event(
            *(topics.INVOICES, due - 14, "invoice.issued", 8),
            invoice_id=invoice_id, number=f"2025-{self.contract[2:]}-{number}", issued_on=self.day(due - 14), due_on=self.day(due),
            amount=amount, currency="EUR", payment_method=method, subject_matter="membership",
        )  # fmt: skip
        return invoice_id

    def pays(self, day: int, amount: int, hour: int = 10, **more: Any) -> str:
        payment_id = f"{self.contract}-P{len(self.lines)}"
        money = {"payment_id": payment_id, "amount": amount, "currency": "EUR", "value_date": self.day(day)}
        self.event(topics.PAYMENTS, day, "payment.received", hour, **{"method": "transfer", **money, **more})
        return payment_id


Story = Callable[[Case], None]


def paid_in_time(case: Case) -> None:
    case.pays(-2, case.amount)


def paid_after_first_reminder(case: Case) -> None:
    case.pays(9, case.amount)


def paid_in_two_parts(case: Case) -> None:
    """The second part covers the fee of the second reminder too."""
    case.pays(8, case.amount // 2)
    case.pays(22, case.amount - case.amount // 2 + 250)


def debit_returned(case: Case) -> None:
    payment_id = case.pays(0, case.amount, method="direct_debit")
    case.event(
        *(topics.CHARGEBACKS, 4, "chargeback.received"),
        chargeback_id=f"{case.contract}-B1", payment_id=payment_id, amount=case.amount, fee=300, reason_code="AM04", booked_on=case.day(4),
    )  # fmt: skip
    case.pays(15, case.amount + 300)


def credited_in_part(case: Case) -> None:
    credit = case.amount // 4
    case.event(
        topics.INVOICES, 7, "credit_note.issued", credit_note_id=f"{case.contract}-G1", invoice_id=f"{case.contract}-R1", amount=credit
    )
    case.pays(10, case.amount - credit)


def dispute_rejected(case: Case) -> None:
    """Fourteen held days move the second reminder and the handover."""
    case.event(topics.CONTRACTS, 7, "dispute.opened", dispute_id=f"{case.contract}-D1", reason="never ordered")
    case.event(topics.CONTRACTS, 21, "dispute.resolved", dispute_id=f"{case.contract}-D1", outcome="rejected")
    case.pays(38, case.amount + 250)


def dispute_upheld(case: Case) -> None:
    case.event(topics.CONTRACTS, 7, "dispute.opened", dispute_id=f"{case.contract}-D1", invoice_id=f"{case.contract}-R1")
    case.event(topics.CONTRACTS, 12, "dispute.resolved", dispute_id=f"{case.contract}-D1", outcome="upheld")
    case.event(topics.INVOICES, 16, "invoice.cancelled", invoice_id=f"{case.contract}-R1", reason="dispute upheld")


def held_for_a_while(case: Case) -> None:
    case.event(
        *(topics.INSTRUCTIONS, 3, "hold.placed"),
        hold_id=f"{case.contract}-H1", kind="manual", until=case.day(23), by="k.weber", reason="debtor in hospital",
    )  # fmt: skip
    case.pays(33, case.amount)


def overpaid(case: Case) -> None:
    """What is too much settles a part of the next invoice."""
    case.invoice(2, 30, 4_000)
    case.pays(8, case.amount + 1_000)
    case.pays(40, 3_000)


def anchor_moves(case: Case) -> None:
    """The second invoice climbs on from where it stands when the first is paid."""
    case.invoice(2, 10, 2_500)
    case.invoice(3, 24, 2_600)
    case.pays(17, case.amount + 250, invoice_id=f"{case.contract}-R1")
    case.pays(34, 2_500 + 250, invoice_id=f"{case.contract}-R2")
    case.pays(35, 2_600 + 250, invoice_id=f"{case.contract}-R3")


def too_small(case: Case) -> None:
    """Less than the policy's minimum_open escalates nothing."""
    case.event(topics.INVOICES, -5, "invoice.corrected", invoice_id=f"{case.contract}-R1", amount=450, reason="cancelled in time")


def agency_collects(case: Case) -> None:
    """What the agency collected comes as a payout."""
    case.agency = [_ACCEPTED, _FIRST, *_paid(7)]
    case.pays(50, case.amount + 250, via="agency", statement_id=f"S-{case.number}")


def agency_collects_in_parts(case: Case) -> None:
    case.agency = [_ACCEPTED, _FIRST, _SECOND, {"day": 12, "percent": 50}, *_paid(20)]


def agency_goes_all_the_way(case: Case) -> None:
    case.agency = [_ACCEPTED, _FIRST, _SECOND, _COLLECTION, *_paid(30)]


def agency_settles(case: Case) -> None:
    case.agency = [_ACCEPTED, _FIRST, _SECOND, _COLLECTION, {"day": 25, "percent": 60}]
    case.agency.append({"day": 26, "status": "SuccessfullyClosed", "reason": "SETTLEMENT"})


def agency_fails(case: Case) -> None:
    case.agency = [_ACCEPTED, _FIRST, _SECOND, _COLLECTION, {"day": 40, "status": "UnsuccessfullyClosed", "reason": "IRRECOVERABLE"}]


def agency_fails_and_claim_is_written_off(case: Case) -> None:
    agency_fails(case)
    case.event(topics.INVOICES, 90, "invoice.written_off", invoice_id=f"{case.contract}-R1")


def address_rejected(case: Case) -> None:
    """The agency refuses a debtor without a postal code; a person mends the address and hands over again."""
    case.debtor(44, postal_code=True)
    case.event(topics.INSTRUCTIONS, 45, "handover.ordered", by="k.weber")


def paid_before_the_agency_began(case: Case) -> None:
    """The agency is told to stop and closes the case as recalled."""
    case.agency = [{"day": 12, "status": "Accepted"}, {"day": 13, "status": "FirstDunningPhase", "dunning_level": 1}]
    case.pays(37, case.amount + 250)


def paid_to_the_creditor_during_the_case(case: Case) -> None:
    """The agency is told of the payment and closes the case."""
    case.agency = [_ACCEPTED, _FIRST, _SECOND]
    case.pays(44, case.amount + 250)


def recalled_by_a_person(case: Case) -> None:
    case.agency = [_ACCEPTED, _FIRST]
    case.event(topics.INSTRUCTIONS, 42, "handover.recalled", by="k.weber", reason="agreed by telephone")
    case.pays(60, case.amount + 250)


STORIES: Final[dict[Story, int]] = {
    paid_in_time: 24,
    paid_after_first_reminder: 14,
    paid_in_two_parts: 6,
    debit_returned: 6,
    credited_in_part: 4,
    dispute_rejected: 4,
    dispute_upheld: 3,
    held_for_a_while: 3,
    overpaid: 4,
    anchor_moves: 4,
    too_small: 2,
    agency_collects: 6,
    agency_collects_in_parts: 3,
    agency_goes_all_the_way: 3,
    agency_settles: 2,
    agency_fails: 2,
    agency_fails_and_claim_is_written_off: 2,
    address_rejected: 3,
    paid_before_the_agency_began: 2,
    paid_to_the_creditor_during_the_case: 2,
    recalled_by_a_person: 1,
}
"""How many of a hundred contracts have which story."""

_FIRST_NAMES: Final = ("Anna", "Ben", "Clara", "David", "Elif", "Felix", "Greta", "Hakan", "Ida", "Jonas", "Katja", "Luca", "Mia")
_LAST_NAMES: Final = ("Albrecht", "Bergmann", "Conrad", "Demir", "Ehlers", "Fuchs", "Graf", "Hansen", "Iversen", "Jung", "Kowalski")
_CITIES: Final = ("Frankfurt", "Offenbach", "Darmstadt", "Wiesbaden", "Hanau")


def cases() -> Iterator[Case]:
    """All of them, in order of contract."""
    order = _spread()
    for number, story in enumerate(islice(cycle(order), CONTRACTS)):
        yield _told(story, number)


def lines(told: list[Case]) -> Iterator[bytes]:
    """Their events as lines for publish, in no particular order."""
    for case in told:
        for line in case.lines:
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _spread() -> list[Story]:
    """A hundred stories, mixed so that every due day has many kinds: steps of 37 through a list of 100 meet every place once."""
    in_row = [story for story, count in STORIES.items() for _ in range(count)]
    return [in_row[place * 37 % len(in_row)] for place in range(len(in_row))]


def _told(story: Story, number: int) -> Case:
    due = FIRST_DUE + timedelta(days=number % DUE_DAYS)
    case = Case(story.__name__, f"C-{1001 + number}", due, 1_990 + number * 37 % 60 * 100, number)
    case.debtor(-20, postal_code=story is not address_rejected)
    case.invoice(1, 0, case.amount, "direct_debit" if story is debit_returned else "transfer")
    story(case)
    return case
