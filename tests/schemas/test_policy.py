"""The policy file's model: what `escalation.md` 8 allows, requires and refuses."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.policy import Policy

MINIMAL: dict[str, Any] = {"policy": "p", "time_zone": "Europe/Berlin", "steps": []}
REMIND = {"kind": "remind", "day": 5, "level": 1}


def _read(**changes: Any) -> Policy:
    return Policy.model_validate_json(json.dumps({**MINIMAL, **changes}))


def test_only_policy_time_zone_and_steps_are_required() -> None:
    policy = _read()
    assert (policy.at, policy.refresh_at, policy.working_days_only) == ("08:00", "06:00", True)
    assert (policy.transit_days, policy.plan_grace_days, policy.answer_days) == (5, 3, 5)
    assert (policy.settlement, policy.default, policy.applies) == ("costs_first", "first_reminder", "next_cycle")
    assert policy.minimum_open_minor("EUR") == 1


@pytest.mark.parametrize("name", ["policy", "time_zone", "steps"])
def test_a_required_key_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Policy.model_validate_json(json.dumps({key: value for key, value in MINIMAL.items() if key != name}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "green"}, "colour"),
        ({"time_zone": "Europe/Atlantis"}, "unknown time zone"),
        ({"calendar": {"country": "ZZ"}}, "unknown calendar country"),
        ({"calendar": {"country": "DE", "subdivision": "XX"}}, "unknown subdivision"),
        ({"at": "24:00"}, "at"),
        ({"at": 720}, "at"),
        ({"minimum_open": {"EUR": 0}}, "minimum_open"),
        ({"steps": [{**REMIND, "day": 0}]}, "day"),
        ({"steps": [{**REMIND, "fee": {"EUR": -1}}]}, "fee"),
        ({"steps": [{**REMIND, "colour": "green"}]}, "colour"),
        ({"steps": [REMIND, REMIND]}, "step 2: day 5 does not come after day 5"),
        ({"steps": [{"kind": "hand_over", "day": 5}, {**REMIND, "day": 6}]}, "step 2 comes after hand_over"),
        ({"steps": [{"kind": "hand_over", "day": 5, "account": "a", "accounts": [{"account": "b"}]}]}, "exclude each other"),
    ],
)
def test_what_is_wrong_is_refused_in_words(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        _read(**change)


def test_minimum_open_is_by_currency() -> None:
    policy = _read(minimum_open={"EUR": 500})
    assert (policy.minimum_open_minor("EUR"), policy.minimum_open_minor("CHF")) == (500, 1)
