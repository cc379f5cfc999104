"""Which test proves which rule of `escalation.md`, section by section: a rule without a test shows here, and so does a test that went.

A name is `file.test`; several stand for rules that have several sides. The random lives of `tests/auditor/` draw them all, and what is
listed under `tests/auditor/` was worked out by hand for both. What `streams/escalation/supported.py` refuses has no row yet.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

FACTS_AND_CLOCK = {
    "known by its own id": "escalation/test_facts.the_same_fact_again_changes_nothing_whatever_its_envelope",
    "conflicting fact": "escalation/test_facts.the_same_id_with_other_values_is_a_conflict_and_the_first_stays",
    "known by source and id": "escalation/test_facts.what_has_no_id_of_its_own_is_known_by_source_and_id",
    "the earliest of several ends counts": "escalation/test_holds.released_early_and_released_twice",
    "a fold over dates, never over arrival": "escalation/test_always.the_order_of_arrival_changes_nothing_of_what_is_owed",
    "kept until both are there": "escalation/test_money.a_payment_before_its_invoice_is_kept",
    "a change is dated with the clock": "escalation/test_facts.changes_are_dated_with_the_largest_time_seen",
    "a dead letter moves no clock": "escalation/test_facts.a_dead_letter_does_not_move_the_clock",
    "a dead letter is followed by no evaluation": "escalation/test_facts.a_dead_letter_is_followed_by_no_evaluation",
    "evaluated before a payment": "escalation/test_facts.a_payment_is_answered_by_today_s_status",
    "what that changed stays": "escalation/test_facts.what_the_first_evaluation_changed_stays_though_the_event_is_refused",
    "evaluated again when a cycle ends": "escalation/test_case.success_while_others_are_overdue_begins_a_new_cycle_on_them",
    "steps on ticks only, ticks that go back are ignored": "escalation/test_machine.Life",
    "a tick that touches nothing": "escalation/test_facts.a_tick_that_touches_nothing_leaves_no_trace",
    "time in the future": "escalation/test_facts.a_time_more_than_a_day_after_its_record_is_refused",
    "unapplied_event": "escalation/test_facts.steps_wait_for_what_could_not_be_applied_until_it_was_replayed",
    "a limit of size": "escalation/test_facts.too_many_facts_are_refused",
    "forgetting": "auditor/test_by_hand.forgotten_after_so_many_months_without_a_fact",
    "forgetting: not while something is left": "escalation/test_forgetting.while_something_is_left_it_is_remembered",
    "moving in": "auditor/test_by_hand.moving_in_keeps_rung_level_and_distance",
    "moving in: only before the cycle begins": "escalation/test_moving_in.once_the_cycle_has_begun_it_is_too_late",
    "moving in: fees are decided": "escalation/test_moving_in.a_fee_charged_elsewhere_is_not_charged_again",
    "moving in: no case.submit": "auditor/test_by_hand.moving_in_with_a_case_submits_nothing",
    "starts_on": "auditor/test_by_hand.no_step_before_the_policy_starts",
    "balance.stated": "auditor/test_by_hand.a_balance_is_compared_with_the_books_of_its_day",
    "one currency": "escalation/test_facts.one_currency_a_contract",
    "one currency: what was kept": "escalation/test_facts.a_kept_payment_in_another_currency_is_given_back_when_the_currency_becomes_known",
    "parts of one invoice": "escalation/test_money.parts_of_one_invoice_share_the_fee_of_a_step",
    "the first cycle is 1, also after forgetting": "escalation/test_forgetting.what_comes_after_begins_anew",
}
MONEY = {
    "principal: the last correction": "escalation/test_money.a_correction_by_time_and_not_by_arrival",
    "principal: credit notes, never below 0": "escalation/test_money.a_credit_note_lowers_its_receivable_and_never_below_nothing",
    "what exceeds flows on": "escalation/test_money.what_exceeds_a_lowered_principal_flows_on",
    "cancelled, its costs too": "escalation/test_money.cancelled_takes_its_costs_with_it",
    "a credit note without invoice": "escalation/test_money.a_credit_note_without_a_receivable_is_credit",
    "written off": "escalation/test_money.written_off_is_what_is_open_at_that_moment",
    "written off: that much of the principal": "escalation/test_money.part_of_the_principal_is_written_off",
    "payment.failed": "escalation/test_money.a_failed_payment_takes_back_what_is_left_of_it",
    "a failure of before is an earlier try": "escalation/test_money.a_failure_before_the_payment_was_received_is_an_earlier_try",
    "future value dates": "escalation/test_money.a_payment_of_the_future_counts_from_its_arrival",
    "allocations": "escalation/test_money.allocations_up_to_their_amounts_and_the_rest_in_order",
    "designation": "escalation/test_money.a_designation_goes_before_the_order_of_the_law",
    "refunds in reverse order": "escalation/test_money.a_refund_takes_back_what_came_last",
    "due first, then older": "escalation/test_money.due_first_then_older_first",
    "costs, then principal": "escalation/test_money.costs_before_principal",
    "principal_first": "escalation/test_money.principal_first_settles_all_due_principal_before_any_costs",
    "costs up to the value date": "escalation/test_money.a_payment_settles_costs_up_to_its_value_date_only",
    "credit settles what becomes owed": "escalation/test_money.credit_settles_in_the_order_in_which_debts_become_owed",
    "a payout and what was withheld": "escalation/test_case.a_payout_lowers_the_balance_by_what_was_kept_too",
    "fee: decided once for ever": "escalation/test_money.a_fee_is_decided_once_for_ever",
    "fee: owed if principal was open": "escalation/test_money.a_fee_falls_if_the_principal_was_paid_by_the_end_of_its_day",
    "fee: not under a moratorium": "escalation/test_money.no_fee_on_a_day_under_a_moratorium_that_was_told_later",
    "fee: not under insolvency": "auditor/test_by_hand.a_fee_of_a_day_that_was_under_insolvency_is_not_owed",
    "fee of a chargeback": "escalation/test_money.the_fee_of_a_chargeback",
    "fee of a chargeback: what it reopens": "escalation/test_money.the_fee_of_a_chargeback_is_a_cost_of_what_it_reopens",
    "grounds of default": "auditor/test_by_hand.default_by_its_ground",
    "sums to the cent": "escalation/test_always.sums_hold_to_the_cent_and_no_tick_is_missed",
}
DAYS = {
    "due* moves to a working day": "escalation/test_ladder.due_day_moves_to_a_working_day",
    "reopened without a rung": "escalation/test_money.reopened_before_it_climbed_it_falls_due_anew",
    "reopened with a rung": "escalation/test_money.reopened_with_a_rung_it_goes_on_where_it_stood",
    "anchor": "escalation/test_ladder.the_anchor_is_the_oldest_with_a_step_left",
    "held days, once": "escalation/test_holds.overlapping_holds_count_once",
    "a hold that ends before it begins": "escalation/test_holds.a_hold_that_ends_before_it_begins_covers_nothing",
    "a hold of one receivable": "escalation/test_holds.a_hold_of_one_receivable_lets_the_others_go_on",
    "disputes": "escalation/test_holds.a_dispute_of_the_contract_holds_until_it_is_rejected",
    "disputes: upheld": "escalation/test_holds.an_upheld_dispute_stays_until_the_creditor_has_corrected",
    "insolvency": "auditor/test_by_hand.insolvency_holds_and_silences_until_it_is_released",
    "death": "auditor/test_by_hand.death_silences_and_the_ladder_goes_on_when_it_is_released",
    "returned debits that hold": "escalation/test_holds.a_returned_debit_that_holds_until_released_or_reversed",
    "returned debits that don't": "escalation/test_holds.insufficient_funds_hold_nothing",
    "in transit": "auditor/test_by_hand.a_payment_in_transit_holds_until_its_days_are_over",
    "in transit until it failed": "auditor/test_by_hand.a_payment_that_failed_is_no_longer_in_transit",
}
LADDER = {
    "each step on its day": "escalation/test_ladder.each_step_on_its_day",
    "below minimum_open: Clear without reset": "escalation/test_ladder.too_little_overdue_is_clear_without_reset",
    "dunning_level": "escalation/test_ladder.the_level_is_that_of_what_is_overdue",
    "spacing": "escalation/test_ladder.after_an_outage_steps_keep_their_distance",
    "at": "escalation/test_ladder.nobody_is_written_to_before_at",
    "working_days_only": "escalation/test_ladder.steps_wait_for_a_working_day",
    "one step a day": "escalation/test_ladder.one_step_a_day_however_often_the_clock_jumps",
    "waits for amount": "escalation/test_waiting.a_step_below_its_minimum_waits_and_what_waits_makes_the_steps_behind_it_wait",
    "skipped below its minimum": "escalation/test_waiting.a_step_below_its_minimum_is_skipped_if_the_policy_says_so",
    "waits for payments": "escalation/test_start.steps_wait_while_payments_are_not_known",
    "waits for address": "escalation/test_ladder.a_reminder_that_failed_counts_as_skipped_and_its_fee_with_it",
    "waits for unapplied": "escalation/test_facts.steps_wait_until_the_attention_is_cleared",
    "waits for balance": "escalation/test_balance.a_difference_makes_the_reminder_wait_until_a_later_one_agrees",
    "waits for approval": "auditor/test_by_hand.an_approval_ends_after_five_working_days_and_when_more_is_overdue",
    "waits for account": "auditor/test_by_hand.the_account_is_the_first_rule_that_matches",
    "ramp": "auditor/test_by_hand.the_ramp_spreads_first_steps",
    "others climb one rung": "escalation/test_ladder.others_climb_with_the_anchor_and_none_of_their_steps_is_repeated",
    "next_step": "escalation/test_ladder.status_says_what_comes_next",
    "next_step_on: not reachable": "escalation/test_holds.a_known_open_hold_to_come_leaves_the_step_without_a_day",
    "remind": "escalation/test_ladder.a_notice_says_the_version_of_the_change_it_goes_with",
    "offer_payment": "auditor/test_by_hand.the_offer_suits_the_account",
    "call": "auditor/test_by_hand.calls_are_asked_for_again_until_the_attempts_are_used_up",
    "call: time of day, held": "escalation/test_calls.a_request_waits_for_its_time_of_day_and_a_working_day",
    "signal": "auditor/test_by_hand.a_signal_is_on_while_what_it_covered_is_open",
    "ladder_ended": "escalation/test_ladder.ladder_ends_once_and_again_only_after_another_step",
    "step.skipped": "escalation/test_ladder.a_skipped_step_counts_as_taken_and_is_no_reminder",
    "notice.failed: unknown id": "escalation/test_ladder.an_unknown_notice_cannot_fail",
    "a cycle keeps its version": "escalation/test_settings.a_cycle_keeps_the_version_it_began_with",
    "applies: at_once": "escalation/test_settings.at_once_means_everybody_with_the_next_tick_and_caps_the_rungs",
    "contract.configured: another policy": "escalation/test_settings.a_contract_s_other_policy_acts_at_once_and_spacing_still_holds",
    "policy_missing": "escalation/test_settings.an_unknown_policy_is_ignored_and_a_person_is_asked",
}
PLANS_OFFERS_CONFIRMATION = {
    "a plan is broken after its grace": "auditor/test_by_hand_case.a_plan_that_is_missed_is_broken_after_its_grace",
    "a plan is kept": "auditor/test_by_hand_case.a_plan_that_is_kept_ends_with_everything",
    "a plan ends on the value date": "auditor/test_by_hand_case.a_plan_over_a_part_ends_on_the_day_it_is_met",
    "what counts for a plan": "auditor/test_by_hand_case.money_of_before_the_agreement_and_of_the_agency_does_not_keep_a_plan",
    "no instalments": "escalation/test_plans.a_plan_without_instalments_is_a_dead_letter",
    "a promise to pay": "escalation/test_plans.a_promise_to_pay_is_a_plan_with_one_instalment",
    "nothing open any more": "escalation/test_plans.a_plan_of_which_nothing_is_open_any_more_is_over",
    "its notices go out once": "escalation/test_plans.a_chargeback_breaks_what_was_kept_and_the_notice_goes_out_once",
    "instalment_reminder": "auditor/test_by_hand_case.an_instalment_is_reminded_of_once_and_not_if_it_is_covered",
    "link, QR code, bar code": "escalation/test_offers.an_offer_is_a_step_with_every_way_to_pay",
    "payment_confirmation": "auditor/test_by_hand_case.a_payment_is_confirmed_unless_all_was_clear",
    "payment_confirmation goes first": "escalation/test_after_payment.a_payment_is_confirmed_before_anything_else_is_told",
    "win_back": "auditor/test_by_hand_case.win_back_after_a_cycle_with_a_reminder",
    "win_back cancelled": "auditor/test_by_hand_case.no_win_back_without_a_reminder_or_with_something_overdue_since",
    "nobody writes to the dead or insolvent, nor later": "escalation/test_after_payment.nobody_writes_to_the_dead_or_insolvent_nor_later",
}
CASE = {
    "only what was reminded": "escalation/test_case.only_what_was_reminded_is_handed_over",
    "payment_methods": "escalation/test_case.only_the_payment_methods_that_the_step_takes",
    "case.submit": "escalation/test_case.the_handover_says_what_the_agency_needs",
    "the account": "escalation/test_case.whose_account",
    "by hand": "escalation/test_case.ordered_by_hand_without_waiting_and_touching_no_rung",
    "despite_hold": "escalation/test_case.a_held_contract_only_despite_the_hold",
    "refused orders": "escalation/test_case.nothing_overdue_or_a_case_open_is_refused",
    "the named part": "escalation/test_case.the_named_part_goes_and_the_rest_waits_on",
    "second placement": "auditor/test_by_hand_case.a_second_placement_goes_to_another_account",
    "second placement: never after": "auditor/test_by_hand_case.after_some_reasons_there_is_no_second_placement",
    "second placement: recalled": "auditor/test_by_hand_case.what_was_recalled_may_go_to_the_same_account_again",
    "the table of replies": "escalation/test_table.a_trigger_leads_to_one_status_or_nowhere",
    "what the table does not allow": "escalation/test_case.what_the_table_does_not_allow_changes_nothing",
    "older replies": "escalation/test_case.an_older_status_reply_changes_no_status_but_a_close_ends_the_case",
    "unmatched_reply": "escalation/test_case.what_cannot_be_matched_stays_visible",
    "question": "escalation/test_case.a_question_asks_for_attention",
    "case.payment_received": "escalation/test_case.what_the_agency_collects_settles_the_case_first_and_is_not_told_back",
    "a negative amount": "escalation/test_case.a_negative_payment_of_the_agency_lowers_the_last_ones",
    "successfully closed": "escalation/test_case.success_fixes_what_was_open_as_settled_by_the_agency",
    "settlement is written off": "escalation/test_case.a_settlement_below_the_claim_is_written_off",
    "unsuccessfully closed": "escalation/test_case.failure_exhausts_its_receivables",
    "others begin a new cycle": "escalation/test_case.others_begin_a_new_cycle_after_a_failure",
    "rejected": "escalation/test_case.rejected_waits_for_a_person",
    "rejected and paid": "escalation/test_case.rejected_and_paid_is_a_reset",
    "reset": "escalation/test_ladder.paid_is_a_reset_recorded_in_the_cycle_that_ends",
    "stepping back in monitoring": "auditor/test_by_hand_case.a_case_in_monitoring_steps_back_when_others_are_overdue",
    "a direct payment is reported": "escalation/test_case.a_direct_payment_is_reported_once_and_its_difference_later",
    "recall: paid": "escalation/test_case.paid_before_the_agency_began_is_a_recall",
    "a changed claim": "escalation/test_case.a_changed_claim_is_told",
    "a claim that is gone": "escalation/test_case.a_claim_that_is_gone_is_recalled_once",
    "disputes are told": "escalation/test_case.disputes_are_told",
    "insolvency and death are told": "escalation/test_person.an_open_case_is_told",
    "handover.recalled": "escalation/test_case.a_recall_by_hand_goes_out_once",
    "recall_unanswered": "escalation/test_case.a_recall_without_an_answer_does_not_stay_invisible",
    "not_passed": "escalation/test_case.a_handover_without_an_answer_does_not_stay_invisible",
    "refresh": "escalation/test_refresh.an_agency_that_was_silent_since_before_yesterday_is_asked_every_day",
    "refresh in monitoring": "auditor/test_by_hand_case.in_monitoring_an_agency_is_asked_every_thirty_days",
}
OUTPUTS = {
    "ids": "schemas/test_ids.ids_are_uuid5_of_the_written_name",
    "ids are unique and stable": "escalation/test_always.ids_are_unique_and_stable",
    "duplicates leave no trace": "escalation/test_always.duplicates_leave_no_trace",
    "history": "escalation/test_always.history_is_a_chain",
    "attention ends with the next status": "escalation/test_case.trouble_ends_with_the_next_change_of_status",
    "the order within a tick": "escalation/test_outputs.within_a_tick_what_goes_out_is_in_order",
    "up to 50 receivables": "escalation/test_outputs.a_row_lists_the_first_fifty_open_receivables",
    "the last three changes": "escalation/test_outputs.a_row_ends_with_its_last_three_changes",
    "contract.ended changes nothing": "escalation/test_facts.a_contract_that_ended_still_owes",
}
POLICY_FILE = {
    "required and absent": "schemas/test_policy.only_policy_time_zone_and_steps_are_required",
    "refused in words": "schemas/test_policy.what_is_wrong_is_refused_in_words",
    "steps: []": "escalation/test_ladder.an_empty_ladder_is_watched_and_never_ended",
    "a missing field of an event": "schemas/test_codec.missing_field_is_named",
}
REPLAY = {
    "one tick a day": "replay/test_replay.one_tick_a_day_from_the_first_event_to_the_last_day",
    "events up to the tick come first": "replay/test_replay.what_comes_up_to_the_tick_counts_before_its_step",
    "after the last tick": "replay/test_replay.the_last_day_is_applied_after_its_tick_and_later_days_are_not",
    "ties": "replay/test_replay.ties_are_applied_in_the_order_of_topics",
    "--as-arrived": "replay/test_replay.as_arrived_the_file_s_order_counts",
    "two policies": "replay/test_replay.two_policies_the_first_is_the_default",
    "versions of the file": "replay/test_replay.versions_of_the_file_count_from_their_time_or_from_the_beginning",
    "ticks of the file": "replay/test_replay.a_tick_of_the_file_is_one_more",
}
SECTIONS = {
    1: FACTS_AND_CLOCK,
    2: MONEY,
    3: DAYS,
    4: LADDER,
    5: PLANS_OFFERS_CONFIRMATION,
    6: CASE,
    7: OUTPUTS,
    8: POLICY_FILE,
    9: REPLAY,
}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_rule_has_its_test(section: int) -> None:
    missing = [f"{rule}: {name}" for rule, name in SECTIONS[section].items() if not _exists(name)]
    assert not missing


def _exists(name: str) -> bool:
    file, test = name.rsplit(".", 1)
    path = TESTS / f"{file}.py"
    written = ast.parse(path.read_text()).body if path.exists() else []
    return any(isinstance(one, (ast.FunctionDef, ast.ClassDef)) and one.name in (f"test_{test}", test) for one in written)
