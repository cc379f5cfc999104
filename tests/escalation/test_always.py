"""What always holds, whatever comes in which order: sums to the cent, the same end for every order of arrival, duplicates without a trace,
each step once, nothing to the debtor while held, ids that never change."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.escalation.drawn import (
    Event,
    agreements,
    by_time,
    conserved,
    facts,
    holds,
    live,
    moments,
    orders,
    publish,
    replies,
    settings_told,
)
from tests.escalation.harness import world

slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@slow
@given(
    facts(holds, moments, orders, replies, agreements, settings_told, most=18),
    st.sampled_from(("costs_first", "principal_first")),
    st.sampled_from(((13,), (0, 6, 23), (5, 7, 8, 22))),
    st.sampled_from(("Europe/Berlin", "Pacific/Auckland", "America/Sao_Paulo")),
)
def test_sums_hold_to_the_cent_and_no_tick_is_missed(events: list[Event], settlement: str, hours: tuple[int, ...], zone: str) -> None:
    """The harness visits the contract at every tick and fails if one changes something that the due time did not foresee."""
    note(events)
    one = live(events, hours=hours, settlement=settlement, time_zone=zone, working_days_only=True, calendar={"country": "DE"})
    for row in one.of("case_status.changed"):
        amounts_told = [row.data[name] for name in ("open_amount", "overdue_amount", "costs", "credit", "agency_balance", "written_off")]
        assert min(amounts_told) >= 0


@slow
@given(
    facts(holds, moments, orders, replies, agreements, settings_told, most=18),
    st.sampled_from(("costs_first", "principal_first")),
    st.sampled_from(("due_date", "first_reminder", "thirty_days")),
    st.sampled_from(({"kind": "fixed", "percent": "90"}, {"kind": "statutory"})),
    st.sampled_from((None, {"days": 14, "from": "first_step"}, {"days": 5, "from": "hand_over"})),
)
def test_sums_hold_with_interest_and_it_moves_nothing_by_itself(
    events: list[Event], settlement: str, default: str, interest: dict[str, str], breathing_space: dict[str, Any] | None
) -> None:
    note(events)
    live(events, settlement=settlement, default=default, interest=interest, breathing_space=breathing_space)


@slow
@given(facts(holds, agreements, most=10), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing_of_what_is_owed(events: list[Event], random: Any) -> None:
    """All facts arrive before the first tick, in order and shuffled; then the days pass."""
    shuffled = list(events)
    random.shuffle(shuffled)
    rows = []
    for arrived in (by_time(events), shuffled):
        one = world(steps=[])
        for event in arrived:
            publish(one, event)
        one.tick("2026-06-01")
        conserved(one)
        row = dict(one.status)
        for name in ("cycle", "version", "changed_at", "last_changes", "rung", "attention"):  # when statuses changed may differ
            del row[name]
        rows.append(row)
    assert rows[0] == rows[1]


@slow
@given(facts(holds, moments, orders, replies, agreements, settings_told, most=16))
def test_duplicates_leave_no_trace(events: list[Event]) -> None:
    plain, doubled = live(events), live(events, twice=True)
    assert plain.outs == doubled.outs
    refused = [reason for reason in plain.refused for _ in range(2)]
    assert sorted(doubled.refused) == sorted(refused)


@slow
@given(facts(holds, moments, orders, replies, agreements, settings_told, most=16))
def test_ids_are_unique_and_stable(events: list[Event]) -> None:
    one, again = live(events), live(events)
    ids = [out.id for out in one.outs]
    assert len(set(ids)) == len(ids)
    assert ids == [out.id for out in again.outs]


@slow
@given(facts(holds, orders, replies, agreements, settings_told, most=16), st.integers(1, 45))
def test_each_step_once_a_receivable_and_cycle_and_none_while_held(events: list[Event], every_days: int) -> None:
    one = live(events, every_days=every_days)
    stood = {out.data["version"]: out.data["to"] for out in one.of("case_history.recorded")}
    climbed: Counter[tuple[str, str]] = Counter()
    for position, out in enumerate(one.outs):
        if out.type == "notice.reminder":
            covered = {line["invoice_id"] for line in out.data["receivables"] if line["covered"]}
            climbed.update((out.data["reference"], invoice_id) for invoice_id in covered)
            assert (stood[out.data["version"]], out.data["amount"] > 0) == ("Reminded", True)
            row = next(later for later in one.outs[position:] if later.type == "case_status.changed")
            assert not {hold["invoice_id"] for hold in row.data["holds"]} & {None, *covered}
    assert max(climbed.values(), default=0) <= 2  # the ladder has two reminders; the reference names the cycle
    days_taken = [out.time.date() for out in one.of("notice.reminder")]
    assert len(set(days_taken)) == len(days_taken)


@slow
@given(facts(holds, agreements, settings_told, most=12), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_history_is_a_chain(events: list[Event], jumps: list[int]) -> None:
    """Each change begins where the one before ended, and versions count from 1."""
    one = live(events, every_days=jumps[0])
    standing = "Clear"
    for number, out in enumerate(one.of("case_history.recorded"), start=1):
        assert (out.data["from"], out.data["version"]) == (standing, number)
        standing = out.data["to"]
    assert not one.outs or one.status["status"] == standing
