"""The faults and odd inputs that must not hurt, with what must hold and the tests that show it: the table of `guarantees.md`.

A name is `file.test` below `tests/`; `tests/front_door/test_faults.py` holds that each of them exists.
"""

from typing import Final, NamedTuple


class Fault(NamedTuple):
    """One row. `tests`: each shows a side of it."""

    fault: str
    promise: str
    tests: tuple[str, ...]


_ALWAYS: Final = "escalation/test_always"
_LIVES: Final = "auditor/test_agreement.auditor_and_core_agree"
_SEEDS: Final = "simulation/test_simulation.nothing_is_lost_and_nothing_happens_twice"

FAULTS: Final = (
    Fault("events told again", "state and outputs as if told once", (f"{_ALWAYS}.duplicates_leave_no_trace", _LIVES)),
    Fault(
        "events in another order, weeks late",
        "the same is owed in the end; what arrival may change is listed",
        (f"{_ALWAYS}.the_order_of_arrival_changes_nothing_of_what_is_owed", _LIVES),
    ),
    Fault(
        "a fact that comes when all is over",
        "counts as if it had come in time",
        (
            "escalation/test_money.a_payment_before_its_invoice_is_kept",
            "escalation/test_interest.a_payment_that_comes_late_counts_from_its_value_date",
        ),
    ),
    Fault(
        "a payment while the handover is under way",
        "recalled or reported to the agency",
        (
            "escalation/test_case_money.a_direct_payment_is_reported_once_and_its_difference_later",
            "connectors/test_delivery_in_trouble.a_recall_of_what_may_have_left_asks_first",
            "connectors/test_agencies_delivered.a_payment_while_the_handover_is_in_flight_is_reported_after_it",
        ),
    ),
    Fault(
        "a payment about midnight, local and UTC",
        "no step after it",
        (
            "chaos/test_open_transaction.a_payment_behind_an_open_transaction_counts_before_the_step",
            "auditor/test_by_hand.a_tick_before_midnight_does_not_put_back_a_contract_that_is_past_it",
        ),
    ),
    Fault(
        "a chargeback after the close, and its reversal",
        "reopened where it stood, no second fee",
        (
            "escalation/test_case_end.reopened_after_success_it_climbs_anew_and_what_was_lowered_flows_on",
            "escalation/test_money.a_fee_is_decided_once_for_ever",
        ),
    ),
    Fault(
        "part, over and zero payments, credit notes, several invoices",
        "sums to the cent",
        (f"{_ALWAYS}.sums_hold_to_the_cent_and_no_tick_is_missed", "auditor/test_auditor.money_sums_to_the_cent_in_every_life"),
    ),
    Fault(
        "a part payment after interest",
        "components apart, no day charged twice",
        (
            "escalation/test_interest.a_part_payment_settles_interest_first_and_no_day_is_charged_twice",
            "auditor/test_by_hand_interest.a_payment_settles_what_arose_up_to_its_value_date",
        ),
    ),
    Fault(
        "holds: overlapping, backdated, released early and twice, over the new year",
        "each held day counts once",
        ("escalation/test_holds.released_early_and_released_twice", _LIVES),
    ),
    Fault(
        "a payment in transit that fails", "goes on at the same rung", ("escalation/test_transit.a_failed_payment_is_no_longer_on_its_way",)
    ),
    Fault(
        "the oldest invoice paid, others open",
        "no step left out, none repeated",
        ("escalation/test_ladder.others_climb_with_the_anchor_and_none_of_their_steps_is_repeated",),
    ),
    Fault(
        "clocks that jump and go back; summer time, leap days, new year, holidays",
        "each step once",
        ("escalation/test_machine.Life", "escalation/test_table.a_moment_is_never_told_too_late", _LIVES),
    ),
    Fault(
        "a crash between any two effects",
        "each effect once, under the same id",
        (_SEEDS, "simulation/test_mutants.a_bug_put_in_is_found"),
    ),
    Fault(
        "kill -9 of workers amid a batch",
        "nothing lost, nothing twice",
        ("chaos/test_workers.killed_stopped_and_joined_while_events_flow", _SEEDS),
    ),
    Fault(
        "workers that come and go, also of another release",
        "the same",
        (
            "chaos/test_workers.killed_stopped_and_joined_while_events_flow",
            "faults/test_cluster.workers_of_the_release_before_are_replaced_one_by_one",
            _SEEDS,
        ),
    ),
    Fault(
        "a restart from the changelog; the local store lost, cut short or damaged",
        "states equal to a replay",
        (
            "engine/test_store.what_can_t_be_trusted_is_rebuilt",
            "engine/test_store.a_damaged_block_is_told_and_nothing_is_left_out",
            "engine/test_engine.a_store_that_turns_out_damaged_is_rebuilt_and_no_record_is_to_blame",
            "engine/test_engine.a_store_that_missed_what_another_worker_did_catches_up",
            "faults/test_cluster.stores_are_lost_and_cut_short",
        ),
    ),
    Fault(
        "brokers that pause, die and come back",
        "nothing lost, and it goes on by itself",
        (
            "engine/test_outage.work_goes_on_by_itself_when_the_broker_is_back",
            "connectors/test_outage.a_broker_that_goes_doubles_no_case_and_loses_no_status",
            "faults/test_cluster.everybody_fails_while_events_flow",
            "faults/test_cluster.the_broker_that_keeps_a_group_is_killed",
            "faults/test_cluster.everything_is_killed_at_once",
            "faults/test_beginning.topics_are_found_right_while_a_broker_that_is_gone_is_still_named",
            _SEEDS,
        ),
    ),
    Fault(
        "an agency that answers 429, 5xx, or not at all, before and after it took the case",
        "one case; an unknown result is asked about",
        (
            "connectors/test_delivery_in_trouble.a_fault_of_the_agency_leads_to_one_case",
            "connectors/test_one_case_each.every_handover_is_one_case",
            "connectors/test_load.as_fast_as_the_agency_allows_and_never_faster_whoever_else_is_dead",
            "connectors/test_prokur_killed.every_handover_is_one_file",
        ),
    ),
    Fault(
        "an error for ever, told as 5xx",
        "bounded tries, then parked and told",
        (
            "connectors/test_delivery_in_trouble.one_case_that_always_fails_waits_and_holds_up_no_other",
            "connectors/test_agencies_delivered.what_always_fails_waits_after_a_few_tries_and_goes_once_it_can",
        ),
    ),
    Fault(
        "replies twice, late, out of order, for cases nobody knows",
        "no wrong status; what matches nothing stays visible",
        (
            "connectors/test_webhooks.every_agency_s_hint_is_taken_up_and_twice_late_or_out_of_order_does_no_harm",
            "connectors/test_agencies_delivered.a_feed_that_tells_twice_or_in_another_order_is_told_on_once",
            "connectors/test_delivery.what_belongs_to_no_handover_is_kept",
            "connectors/test_prokur.the_same_thing_told_twice_is_one_change_and_order_does_not_matter",
        ),
    ),
    Fault(
        "one bad contract among many", "the others go on", ("engine/test_engine.a_record_at_which_our_code_fails_twice_is_buried_alone",)
    ),
    Fault(
        "poison of every kind",
        "a dead letter with its reason, counted; mended it counts",
        ("chaos/test_poison.poison_holds_up_nobody_and_mended_gives_what_no_poison_would_have_given",),
    ),
    Fault(
        "another policy over open cases; switching on over old debts",
        "nobody dropped, nobody flooded",
        (
            "escalation/test_settings.a_cycle_keeps_the_version_it_began_with",
            "escalation/test_start.old_debts_get_their_first_step_spread_over_days",
        ),
    ),
    Fault(
        "events of another release: unknown fields, values and types",
        "no crash; what is unknown is kept or counted",
        ("schemas/test_codec.unknown_fields_are_ignored_and_open_lists_take_other", "schemas/test_codec.unknown_type_is_told_apart"),
    ),
    Fault(
        "a day for which the law's tables have no row",
        "refused, told, and alarmed before",
        (
            "escalation/test_interest.without_a_rate_interest_stays_and_somebody_is_told_while_all_else_goes_on",
            "worker/test_metrics.days_left_of_the_law_are_counted_from_the_ticks",
        ),
    ),
    Fault("the end of the ladder", "told once", ("escalation/test_ladder.ladder_ends_once_and_again_only_after_another_step",)),
    Fault(
        "dispute, MD01, MD07, insolvency in any status",
        "no fee, no letter, no bureau report",
        (
            "escalation/test_machine.Life",
            "escalation/test_holds.a_returned_debit_that_holds_until_released_or_reversed",
            "escalation/test_law.6_when_a_bureau_may_be_told",
        ),
    ),
    Fault(
        "a debtor is erased, with and without an open case",
        "unreadable afterwards, sums intact, the agency's copy named",
        (
            "connectors/test_texts.who_erases_a_debtor_erases_what_was_written_about_them",
            "connectors/test_delivery.an_erased_debtor_is_not_sent",
        ),
    ),
    Fault("two tenants with one contract id", "never mixed", ("escalation/test_facts.two_tenants_with_the_same_contract_never_mix",)),
    Fault(
        "a preview",
        "emits nothing and foretells what happens",
        ("front_door/test_policy_preview.it_foretells_what_then_happens_in_one_process_or_several",),
    ),
)


def table() -> str:
    """In Markdown, numbered."""
    rows = [f"| {number} | {one.fault} | {one.promise} | {_named(one)} |" for number, one in enumerate(FAULTS, start=1)]
    return "\n".join(["| # | what goes wrong | what holds | shown by |", "|---|---|---|---|", *rows])


def _named(fault: Fault) -> str:
    return "; ".join(f"`{file}.py`: {test.replace('_', ' ')}" for file, _, test in (name.rpartition(".") for name in fault.tests))
