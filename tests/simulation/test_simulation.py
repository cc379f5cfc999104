"""Seeds of the simulator, among them those that have found something."""

import pytest

from tests.simulation.seeds import run

SEEDS = 8
SOAK_SEEDS = 2_000
BLOCK = 50
NAMED_SEEDS = {
    "a worker with a local store is started again before there was anything to apply": 21,
    "a connector begins while no broker is there": 12,
    "a connector ends at its beginning, amid a fetch": 13,
    "a policy lets a step come earlier, and the worker is replaced before it is due": 2040,
    "a message is written to an agency that has just closed the case": 20023,
    "a handover is recalled while its request is still on the way": 31064,
}
"""Seeds that have found something in the product."""


@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_happens_twice() -> None:
    told = run(f"0:{SEEDS}")
    assert told.returncode == 0, told.stdout
    assert told.stdout.endswith(f"{SEEDS} seeds, 0 with findings\n")


@pytest.mark.parametrize("seed", NAMED_SEEDS.values(), ids=NAMED_SEEDS.keys())
def test_what_a_seed_has_found_stays_mended(seed: int) -> None:
    told = run(f"{seed}:{seed + 1}")
    assert told.returncode == 0, told.stdout


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("first", range(SEEDS, SOAK_SEEDS, BLOCK))
def test_nothing_is_lost_and_nothing_happens_twice_for_long(first: int) -> None:
    told = run(f"{first}:{min(first + BLOCK, SOAK_SEEDS)}")
    assert told.returncode == 0, told.stdout


def test_a_seed_shows_the_same_again() -> None:
    """Alone or behind others, in this process or another."""
    behind, alone = run("3:5").stdout, run("4:5").stdout
    assert "seed 4: " in alone
    assert [line for line in behind.splitlines() if line.startswith("seed 4: ")] == [alone.splitlines()[0]]
