"""Sections 4 and 8: policies, their versions, tenants."""

from tests.escalation.harness import LADDER, World, world

SHORT = [{"kind": "remind", "day": 3, "level": 1}]


def test_without_a_policy_facts_are_kept_and_a_person_is_asked() -> None:
    one = World()
    one.invoice()
    one.days("2026-01-19", "2026-02-10")
    assert [one.status[name] for name in ("status", "attention", "next_step")] == ["Due", ["policy_missing"], None]
    one.apply_policy("2026-02-11")
    one.tick("2026-02-11")
    assert [one.status[name] for name in ("status", "attention")] == ["Reminded", []]
    assert one.reminders == [("2026-02-11", 1)]


def test_the_tenant_s_default_and_the_contract_s_own() -> None:
    one = world()
    one.apply_policy("2026-01-01", policy="short", steps=SHORT)
    one.broadcast("tenant.configured", "2026-01-01", tenant="acme", default_policy="short")
    one.invoice()
    one.tick("2026-01-20")
    assert one.status["next_step_on"] == "2026-01-22"
    one.event("contract.configured", "2026-01-20", policy="standard")
    assert one.status["next_step_on"] == "2026-01-24"


def test_a_cycle_keeps_the_version_it_began_with() -> None:
    one = world()
    one.invoice()
    one.tick("2026-01-20")
    one.apply_policy("2026-01-20", version=2, steps=SHORT)
    one.days("2026-01-21", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]
    one.pay("P1", "2026-01-25", 10_000)
    one.invoice("R2", at="2026-01-26", due="2026-01-27")
    one.days("2026-01-27", "2026-02-05")
    assert one.reminders == [("2026-01-24", 1), ("2026-01-30", 1)]


def test_a_version_counts_at_once_before_the_cycle_has_begun() -> None:
    one = world()
    one.invoice()
    one.apply_policy("2026-01-10", version=2, steps=SHORT)
    one.days("2026-01-19", "2026-01-22")
    assert one.reminders == [("2026-01-22", 1)]


def test_at_once_means_everybody_with_the_next_tick_and_caps_the_rungs() -> None:
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-03")
    assert one.status["rung"] == 2
    one.apply_policy("2026-02-03", version=2, steps=SHORT, applies="at_once")
    assert one.status["rung"] == 2  # a version evaluates nothing by itself
    one.tick("2026-02-04")
    assert [one.status[name] for name in ("rung", "next_step", "attention")] == [1, None, ["ladder_ended"]]
    one.apply_policy("2026-02-05", version=3, applies="at_once")
    one.tick("2026-02-05")
    assert [one.status[name] for name in ("rung", "next_step", "next_step_on", "attention")] == [1, 2, "2026-02-11", []]


def test_a_capped_rung_stays_so_under_a_longer_ladder() -> None:
    """The number is what it is: two, capped at one, and one under the policy that comes after."""
    one = world()
    one.invoice()
    one.days("2026-01-19", "2026-02-02")
    assert one.status["rung"] == 2
    one.apply_policy("2026-02-02", version=2, steps=LADDER["steps"][:1], applies="at_once")
    one.tick("2026-02-03")
    one.apply_policy("2026-02-03", version=3, applies="at_once")
    one.tick("2026-02-04")
    assert [one.status[name] for name in ("rung", "next_step")] == [1, 2]


def test_a_later_version_for_the_next_cycle_does_not_hide_one_that_applies_at_once() -> None:
    one = world()
    one.invoice()
    one.tick("2026-01-20")
    one.apply_policy("2026-01-20", version=2, steps=[{"kind": "remind", "day": 4, "level": 1}], applies="at_once")
    one.apply_policy("2026-01-20", version=3, steps=SHORT)
    one.tick("2026-01-21")
    assert one.status["next_step_on"] == "2026-01-23"


def test_a_contract_s_other_policy_acts_at_once_and_spacing_still_holds() -> None:
    one = world()
    one.apply_policy(
        "2026-01-01", policy="slow", steps=[{"kind": "remind", "day": 5, "level": 1}, {"kind": "remind", "day": 40, "level": 2}]
    )
    one.invoice()
    one.days("2026-01-19", "2026-01-24")
    one.event("contract.configured", "2026-01-25", policy="slow")
    assert [one.status[name] for name in ("rung", "next_step", "next_step_on")] == [1, 2, "2026-02-28"]


def test_the_same_policy_again_keeps_the_version_of_the_cycle() -> None:
    one = world()
    one.invoice()
    one.tick("2026-01-20")
    one.apply_policy("2026-01-20", version=2, steps=SHORT)
    one.event("contract.configured", "2026-01-21", policy="standard")
    assert one.status["next_step_on"] == "2026-01-24"


def test_an_unknown_policy_is_ignored_and_a_person_is_asked() -> None:
    one = world()
    one.invoice()
    one.event("contract.configured", "2026-01-10", policy="nobody's", agency_account="south")
    assert one.status["attention"] == ["policy_missing"]
    one.days("2026-01-19", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]
    one.event("contract.configured", "2026-01-25", policy="standard")
    assert one.status["attention"] == []


def test_of_several_configurations_the_last_by_time_counts() -> None:
    one = world(steps=[{"kind": "hand_over", "day": 10}])
    one.event("contract.configured", "2026-01-03", agency_account="south")
    one.event("contract.configured", "2026-01-02", agency_account="north", debtor_kind="business")
    one.invoice()
    one.days("2026-01-19", "2026-01-29")
    assert [one.of("case.submit")[0].data[name] for name in ("agency_account", "debtor_kind")] == ["south", "business"]


def test_the_contract_s_zone_goes_before_the_policy_s() -> None:
    one = world()
    one.event("contract.configured", "2026-01-03", time_zone="Pacific/Auckland")
    one.invoice()
    one.tick("2026-01-19T12:00:00+00:00")  # already the 20th there
    assert one.status["status"] == "Due"


def test_withdrawn_a_policy_begins_no_cycle_but_ends_its_own() -> None:
    one = world()
    one.invoice()
    one.tick("2026-01-20")
    one.broadcast("policy.withdrawn", "2026-01-20", tenant="acme", policy="standard")
    one.days("2026-01-21", "2026-01-24")
    assert one.reminders == [("2026-01-24", 1)]
    one.pay("P1", "2026-01-25", 10_000)
    assert [one.status[name] for name in ("status", "attention")] == ["Clear", ["policy_missing"]]


def test_the_same_version_again_changes_nothing_and_another_content_is_refused() -> None:
    one = world()
    before = one.shared
    one.apply_policy("2026-01-01")
    assert one.shared is before
    one.apply_policy("2026-01-01", steps=SHORT)
    assert [reason for reason, _ in one.refused] == ["version taken"]


def test_settings_survive_a_round_trip() -> None:
    one = world()
    one.broadcast("tenant.configured", "2026-01-01", tenant="acme", creditor={"name": "A", "address": "B"}, time_zone="Europe/Paris")
    one.broadcast("payments.imported", "2026-01-02", tenant="acme", until="2026-01-01")
    dumped = one.processor.dump_shared(one.shared)
    assert one.processor.load_shared(dumped, 1) == one.shared


def test_the_tenant_s_calendar_serves_a_policy_without_one() -> None:
    one = world(working_days_only=True)
    one.broadcast("tenant.configured", "2026-01-01", tenant="acme", calendar={"country": "DE"})
    one.invoice()
    one.days("2026-01-19", "2026-01-30")
    assert one.reminders == [("2026-01-26", 1)]


def test_settings_are_read_back_as_they_were_written() -> None:
    """The engine keeps them under the version of the states, so whoever raises that must still read them."""
    one = world()
    read_back = [one.processor.load_shared(one.processor.dump_shared(one.shared), one.processor.state_version - back) for back in (0, 1)]
    assert read_back == [one.shared, one.shared]
