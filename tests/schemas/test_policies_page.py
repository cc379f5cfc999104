"""docs/policies.md names every key of a policy, with its default, and its example is a policy."""

import json
import re

import pytest
import yaml

from docs.generate import DOCS
from schemas.policy import AccountCondition, AccountRule, Call, HandOver, OfferPayment, Policy, Remind, Signal

PAGE = (DOCS / "policies.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGE, re.MULTILINE))
SAID = {True: "`true`", False: "`false`"}


@pytest.mark.parametrize("model", [Policy, Remind, OfferPayment, Call, Signal, HandOver, AccountRule, AccountCondition])
def test_every_key_is_explained(model: type[Policy]) -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert {field.alias or name for name, field in model.model_fields.items()} <= named


@pytest.mark.parametrize("name", sorted(Policy.model_fields))
def test_a_default_is_the_one_that_counts(name: str) -> None:
    field = Policy.model_fields[name]
    if field.is_required():
        assert ROWS[name] == "required"
    elif isinstance(field.default, bool | int | str):
        told = SAID[field.default] if isinstance(field.default, bool) else str(field.default)
        assert ROWS[name].strip("`") == told.strip("`")


def test_the_example_is_a_policy() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    policy = Policy.model_validate_json(json.dumps(yaml.safe_load(example), default=str))
    assert [step.kind for step in policy.steps] == ["remind", "remind", "offer_payment", "call", "signal", "hand_over"]
