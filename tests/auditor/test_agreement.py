"""Auditor and core agree over random lives: two who never spoke, one set of rules.

A disagreement prints the seed and the shortest life that still shows it, with both records side by side.
"""

import pytest

from streams.processor import EscalationProcessor
from tests.auditor.compare import Difference, Line, actual, difference, expected, report, shortest, told_by
from tests.auditor.life import Life

SEEDS = 1_000
SOAK_SEEDS = 20_000
BLOCK = 100


def disagreement(lines: list[Line]) -> Difference | None:
    try:
        want = expected(lines)
    except AssertionError:
        return None  # a shortened life that lost its policy says nothing
    return difference(want, actual(lines, EscalationProcessor()))


def check(seed: int) -> None:
    life = Life(seed)
    lines = life.lines
    found = difference(told_by(life.auditor), actual(lines, EscalationProcessor()))
    if found is None:
        return
    kind = found.kind

    def shows(some: list[Line]) -> bool:
        still = disagreement(some)
        return still is not None and still.kind == kind

    short = shortest(lines, shows)
    still = disagreement(short)
    assert still is not None
    pytest.fail(report(seed, short, still), pytrace=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", range(SEEDS // BLOCK))
def test_auditor_and_core_agree(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        check(seed)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", range(SEEDS // BLOCK, SOAK_SEEDS // BLOCK))
def test_auditor_and_core_agree_for_long(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        check(seed)
