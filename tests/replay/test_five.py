"""The real cases under five policies: every cent is somewhere, and the documentation's table is what comes out."""

from collections import Counter
from pathlib import Path

import pytest

from tests.replay.cases import data, needs_fines
from tests.replay.five import PAGE, POLICIES, booked, sums, told_by_billing, under, with_table

pytestmark = needs_fines


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.stem)
def test_money_sums_to_the_cent(policy: Path) -> None:
    """All that was paid settled principal, costs and interest, or is credit."""
    replayed = under(policy)
    assert (replayed.contracts, replayed.dead_letters) == (2_000, Counter())
    owed, charged = sums(replayed), booked(replayed)
    asked, paid = told_by_billing()
    settled = (asked - owed["open_amount"]) + (charged["costs"] - owed["costs"]) + charged["interest"]
    assert paid == settled + owed["credit"]


def test_no_two_policies_end_alike() -> None:
    ends = [tuple(sorted(Counter(data(one)["status"] for one in under(policy).sorted_status()).items())) for policy in POLICIES]
    assert len(set(ends)) == len(POLICIES)


def test_the_table_in_the_documentation_is_what_comes_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run: python -m tests.replay.five"
