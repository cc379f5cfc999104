"""Bugs put in by hand, each of which the simulator must find."""

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.seeds import run

_SEEDS_A_MUTANT = 60
_FIRST_SEED = {
    "rest-of-a-tick-lost": 20,
    "store-trusted": 78,
    "sent-before-its-intent": 19,
    "unknown-not-asked": 22,
    "intent-not-asked": 20,
    "ledger-lost": 22,
    "other-key-each-time": 12,
    "replies-after-positions": 12,
}
"""Where it is rarely met: a seed before the one that shows it."""
SOON_FOUND = frozenset(
    {"commit-before-send", "no-fence", "fenced-late", "offset-off-by-one", "barrier-ignored", "sent-before-its-intent", "ledger-lost"}
)
"""Part of every test run; the others are part of the soak."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", [name if name in SOON_FOUND else pytest.param(name, marks=pytest.mark.soak) for name in MUTANTS])
def test_a_bug_put_in_is_found(mutant: str) -> None:
    first = _FIRST_SEED.get(mutant, 0)
    told = run(f"{first}:{first + _SEEDS_A_MUTANT}", "--mutant", mutant)
    assert told.returncode == 1, told.stdout
    assert told.stdout.endswith(" 1 with findings\n")
