"""The pure pieces of delivery: what the ledger keeps, what is decided from it, how far offsets go, when the gate opens."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import msgspec
import pytest

from connectors.agencies.atriga.capabilities import CAPABILITIES
from connectors.delivery import ledger, replies
from connectors.delivery.agency import Accepted, Change, Closed, Passed, PaymentReceived, PhaseChanged, Rejected, Unmapped, What
from connectors.delivery.errors import CredentialsRefused, RateLimited, Reason, Unavailable
from connectors.delivery.gate import Gate
from connectors.delivery.lanes import Lanes
from connectors.delivery.ledger import Handover, LedgerUnreadable, Parked, Standing
from connectors.delivery.plan import Plan, plan, plan_alone
from connectors.delivery.progress import Progress
from schemas import codec, topics
from schemas.commands import CaseAnswer, CaseRecall, CaseRefresh, CaseReportPayment, CaseSendMessage, CaseSubmit, CommandEvent

MOMENT = datetime(2025, 3, 3, 12, tzinfo=UTC)
ENVELOPE = {"id": "e-1", "source": "/test", "time": MOMENT, "subject": "C-1", "tenant": "acme"}
HANDOVER = Handover(tenant="acme", contract="C-1", account="main")
CLAIM = {"invoice_id": "i-1", "issued_on": date(2025, 1, 1), "due_on": date(2025, 1, 15), "amount": 1, "open": 1, "costs": 0, "interest": 0}
AMOUNTS = {"open_amount": 1, "costs": 0, "interest": 0}
SUBMIT = CaseSubmit.model_validate(
    {
        **ENVELOPE,
        "data": {"handover_id": "h-1", "attempt": 1, "agency_account": "main", "claims": (CLAIM,), "currency": "EUR", **AMOUNTS},
    }
)
RECALL = CaseRecall.model_validate({**ENVELOPE, "id": "e-2", "data": {"handover_id": "h-1", "reason": "paid"}})
REPORT = CaseReportPayment.model_validate(
    {**ENVELOPE, "id": "e-3", "data": {"handover_id": "h-1", "payment_id": "p", "amount": 1, "value_date": date(2025, 3, 3)}}
)
REFRESH = CaseRefresh.model_validate({**ENVELOPE, "id": "e-4", "data": {"handover_id": "h-1"}})
ANSWER = CaseAnswer.model_validate({**ENVELOPE, "id": "e-5", "data": {"handover_id": "h-1", "question_id": "q", "answer": "yes"}})
MESSAGE = CaseSendMessage.model_validate({**ENVELOPE, "id": "e-6", "data": {"handover_id": "h-1", "message_id": "m", "text": "hello"}})
DISPUTED = CaseSendMessage.model_validate({**ENVELOPE, "id": "e-7", "data": {"handover_id": "h-1", "text_key": "disputed"}})


def _parked(command: CommandEvent) -> Parked:
    return Parked(command.id, command.type, msgspec.Raw(codec.encode(command)), "agency_unavailable", 1)


def _waiting(*commands: CommandEvent, intent: str | None = None) -> Handover:
    handover = ledger.intended(HANDOVER, intent) if intent else HANDOVER
    for command in commands:
        handover = ledger.parked(handover, _parked(command), None, maybe_sent=handover.intent == command.id)
    return handover


def test_a_record_reads_back_as_it_was_written() -> None:
    handover = ledger.told(ledger.taken(_waiting(SUBMIT, REPORT, intent=SUBMIT.id), "A1"), "case.passed")
    read = ledger.decode(ledger.encode(handover))
    assert ledger.encode(read) == ledger.encode(handover)
    assert codec.decode(topics.OUTBOX, bytes(read.parked[0].command)) == SUBMIT


@pytest.mark.parametrize("value", [b"{}", b"\xff", b'{"tenant":"a","contract":"c","account":"m","version":2}'])
def test_a_record_that_can_t_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(LedgerUnreadable):
        ledger.decode(value)


def test_what_is_remembered_of_a_handover_fits_in_a_record() -> None:
    handover = HANDOVER
    for number in range(ledger.TOLD_MAX + 100):
        handover = ledger.told(handover, f"case.payment_received/{number:0200}")
    assert (len(handover.told), handover.told[-1][-4:]) == (ledger.TOLD_MAX, f"{ledger.TOLD_MAX + 99}")
    waiting = Parked("e", "case.submit", msgspec.Raw(b'"' + b"x" * (ledger.PARKED_BYTES_MAX - 2) + b'"'), "agency_unavailable", 1)
    handover = ledger.parked(handover, waiting, 1, maybe_sent=False)
    assert handover.parked_bytes == ledger.PARKED_BYTES_MAX
    assert len(ledger.encode(handover)) < 1_000_000


def test_a_rejection_with_endless_reasons_is_an_event_like_any_other() -> None:
    reasons = tuple(Reason("other", f"{number}" + "x" * 10_000) for number in range(1_000))
    told = replies.of_change(Change("h-1", "A1", "9", MOMENT, Rejected(reasons)), "atriga")
    assert isinstance(told, replies.Told)
    written = replies.output(HANDOVER, told, "atriga", 1_000)
    [*said] = codec.decode(topics.REPLIES, written.value, key=written.key).data.reasons
    assert (len(said), len(said[0].text)) == (replies.REASONS_MAX, replies.REASON_TEXT_MAX)


def test_what_surely_was_not_sent_loses_its_intent_when_it_is_parked() -> None:
    intended = ledger.intended(HANDOVER, SUBMIT.id)
    assert ledger.parked(intended, _parked(SUBMIT), 7, maybe_sent=False).intent is None
    kept = ledger.parked(intended, _parked(SUBMIT), 7, maybe_sent=True)
    assert (kept.intent, kept.through) == (SUBMIT.id, 7)


def test_a_finished_command_leaves_the_queue_and_the_intent() -> None:
    done = ledger.finished(_waiting(SUBMIT, REPORT, intent=SUBMIT.id), SUBMIT.id, None)
    assert (done.intent, [parked.id for parked in done.parked], done.through) == (None, [REPORT.id], -1)


@pytest.mark.parametrize(
    ("standing", "recall", "report"),
    [
        ("new", Plan.HANDOVER_UNKNOWN, Plan.HANDOVER_UNKNOWN),
        ("taken", Plan.SEND, Plan.SEND),
        ("rejected", Plan.NOTHING, Plan.NOTHING),
        ("failed", Plan.CANCEL, Plan.NOTHING),
        ("unknown", Plan.SEND, Plan.SEND),
        ("cancelled", Plan.NOTHING, Plan.NOTHING),
    ],
)
def test_what_is_done_on_a_case_follows_from_how_it_stands(standing: Standing, recall: Plan, report: Plan) -> None:
    handover = ledger.standing(HANDOVER, standing)
    assert plan(handover, RECALL, CAPABILITIES) is recall
    assert plan(handover, REPORT, CAPABILITIES) is report
    assert plan(handover, REFRESH, CAPABILITIES) is report
    assert plan(handover, SUBMIT, CAPABILITIES) is (Plan.SEND if standing == "new" else Plan.NOTHING)
    assert plan(ledger.closed(handover), RECALL, CAPABILITIES) is Plan.NOTHING


@pytest.mark.parametrize("over", [ledger.closed(HANDOVER), *(ledger.standing(HANDOVER, it) for it in ("rejected", "failed", "cancelled"))])
def test_words_of_a_person_for_a_case_that_is_over_are_answered_and_our_own_are_not(over: Handover) -> None:
    assert plan(over, MESSAGE, CAPABILITIES) is Plan.CASE_ENDED
    assert plan(over, ANSWER, CAPABILITIES) is Plan.CASE_ENDED
    assert plan(over, DISPUTED, CAPABILITIES) is Plan.NOTHING


def test_what_waits_makes_what_follows_wait() -> None:
    assert plan(_waiting(SUBMIT), REPORT, CAPABILITIES) is Plan.BEHIND
    assert plan(_waiting(REPORT), REFRESH, CAPABILITIES) is Plan.NOTHING


def test_a_recall_cancels_what_was_not_sent_and_waits_behind_what_may_have_been() -> None:
    assert plan(_waiting(SUBMIT), RECALL, CAPABILITIES) is Plan.CANCEL
    maybe_sent = _waiting(SUBMIT, intent=SUBMIT.id)
    assert plan(maybe_sent, RECALL, CAPABILITIES) is Plan.BEHIND
    assert plan_alone(_waiting(SUBMIT, RECALL), SUBMIT, CAPABILITIES) is Plan.CANCEL
    assert plan_alone(_waiting(SUBMIT, RECALL, intent=SUBMIT.id), SUBMIT, CAPABILITIES) is Plan.SEND


def test_what_an_agency_can_t_do_is_not_supported() -> None:
    silent = replace(CAPABILITIES, commands=CAPABILITIES.commands - {"case.answer"})
    assert plan(HANDOVER, ANSWER, silent) is Plan.NOT_SUPPORTED
    assert plan(HANDOVER, SUBMIT, replace(CAPABILITIES, currencies=frozenset({"CHF"}))) is Plan.CURRENCY_NOT_SUPPORTED
    assert plan(HANDOVER, SUBMIT, replace(CAPABILITIES, currencies=frozenset({"EUR"}))) is Plan.SEND


def test_offsets_go_up_to_the_lowest_unfinished_and_then_to_where_reading_stands() -> None:
    progress = Progress(10)
    for offset in (10, 11, 13):
        progress.begin(offset)
    progress.position = 15
    assert progress.done == 10
    progress.finish(11)
    assert progress.done == 10
    progress.finish(10)
    assert (progress.done, progress.unfinished) == (13, 1)
    progress.finish(13)
    assert progress.done == 15


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_the_gate_closes_after_failures_in_a_row_for_longer_each_time() -> None:
    clock = _Clock()
    gate = Gate(10, clock=clock)
    for _ in range(2):
        gate.failed(Unavailable("away"))
    assert gate.closed_for_s == 0
    gate.failed(Unavailable("away"))
    assert (gate.closed_for_s, gate.reason) == (1.0, "agency_unavailable")
    for _ in range(60):
        gate.failed(Unavailable("was under way"))
    assert gate.closed_for_s == 1.0
    clock.now_s += 1
    assert (gate.closed_for_s, gate.reason) == (0, "")
    gate.failed(Unavailable("away"))
    assert gate.closed_for_s == 2.0
    clock.now_s += 2
    gate.passed()
    gate.failed(Unavailable("a hiccup"))
    assert gate.closed_for_s == 0


async def test_the_gate_tells_since_when_its_agency_is_away_or_there() -> None:
    clock = _Clock()
    gate = Gate(10, clock=clock)
    clock.now_s += 50
    assert (gate.trouble, gate.turned_for_s) == ("", 50)
    for _ in range(3):
        gate.failed(Unavailable("away"))
    clock.now_s += 20
    gate.failed(Unavailable("the try"))
    clock.now_s += 20
    assert (gate.reason, gate.trouble, gate.turned_for_s) == ("", "agency_unavailable", 40)
    gate.failed(CredentialsRefused("HTTP 401"))
    assert (gate.trouble, gate.turned_for_s) == ("credentials_refused", 40)
    gate.passed()
    clock.now_s += 5
    gate.passed()
    assert (gate.trouble, gate.turned_for_s) == ("", 5)
    paused = Gate(10, shut="paused", clock=clock)
    clock.now_s += 3
    paused.passed()
    assert (paused.trouble, paused.turned_for_s) == ("paused", 3)


async def test_the_gate_heeds_what_the_agency_asks_for() -> None:
    gate = Gate(10, clock=_Clock())
    gate.failed(RateLimited("HTTP 429", 7))
    assert (gate.closed_for_s, gate.reason) == (7, "rate_limited")
    gate = Gate(10, clock=_Clock())
    gate.failed(CredentialsRefused("HTTP 401"))
    assert (gate.closed_for_s, gate.reason) == (60, "credentials_refused")
    gate = Gate(10, shut="paused", clock=_Clock())
    assert (gate.closed_for_s, gate.reason) == (float("inf"), "paused")


async def test_a_lane_keeps_its_order_and_waits_for_no_other() -> None:
    done: list[str] = []
    release = asyncio.Event()

    async def held(name: str) -> None:
        await release.wait()
        done.append(name)

    async def free(name: str) -> None:
        done.append(name)
        if name == "b3":
            release.set()

    async with asyncio.TaskGroup() as tasks:
        lanes = Lanes(tasks, 2)
        lanes.put("a", partial(held, "a1"))
        lanes.put("a", partial(free, "a2"))
        for number in (1, 2, 3):
            lanes.put("b", partial(free, f"b{number}"))
    assert done == ["b1", "b2", "b3", "a1", "a2"]
    assert lanes.busy == 0


@pytest.mark.parametrize(
    ("what", "name", "data"),
    [
        (Passed(), "case.passed", {"agency": "atriga"}),
        (Rejected((Reason("other", "X1"),)), "case.rejected/9", {"reasons": ({"code": "other", "text": "X1"},)}),
        (PhaseChanged("collection", "judicial_dunning", 3), "case.phase_changed/9", {"phase": "collection", "dunning_level": 3}),
        (PaymentReceived("p", -5, date(2025, 3, 3)), "case.payment_received/9", {"payment_id": "p", "amount": -5}),
        (Closed("successful", "paid"), "case.closed/9", {"outcome": "successful", "reason": "paid"}),
    ],
)
def test_a_change_is_one_reply_by_whatever_way_it_is_told(what: What, name: str, data: dict[str, object]) -> None:
    told = replies.of_change(Change("h-1", "A1", "9", MOMENT, what), "atriga")
    assert isinstance(told, replies.Told)
    assert (told.name, told.type) == (name, what.type)
    assert told.data == told.data | data | {"handover_id": "h-1", "case_id": "A1", "occurred_at": MOMENT}
    first, second = (replies.output(HANDOVER, told, "atriga", at_ms) for at_ms in (1_000, 2_000))
    assert codec.decode(topics.REPLIES, first.value, key=first.key).id == codec.decode(topics.REPLIES, second.value).id
    assert (first.timestamp_ms, codec.decode(topics.REPLIES, first.value).time) == (1_000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "change",
    [
        Change("h-1", "A1", "9", datetime(3000, 1, 1, tzinfo=UTC), Passed()),
        Change("h-1", "A1", "9", MOMENT, PaymentReceived("p" * 300, 5, date(2025, 3, 3))),
        Change("h-1", "A1", "9", MOMENT, PhaseChanged("collection", None, -1)),
        Change("h-1", "", "9", MOMENT, Passed()),
        Change("h-1", "A1", "9" * 201, MOMENT, Accepted()),
    ],
    ids=["year 3000", "long id", "negative level", "no case", "long change id"],
)
def test_what_our_language_can_t_say_is_kept_for_a_person(change: Change) -> None:
    assert isinstance(replies.of_change(change, "atriga"), Unmapped)
