"""`python -m tests.simulation FIRST:LAST [--mutant NAME]`: run these seeds, print what each showed, exit 1 if one shows a finding.

With a mutant the first finding ends the run. PYTHONHASHSEED=0 makes a seed show the same in every process.
"""

import argparse
import logging
import os
import sys
import traceback
from contextlib import nullcontext

from tests.simulation.mutants import MUTANTS
from tests.simulation.scenario import Run, run


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.simulation")
    asked.add_argument("seeds", help="FIRST:LAST")
    asked.add_argument("--mutant", choices=MUTANTS)
    options = asked.parse_args()
    first, last = (int(number) for number in options.seeds.split(":"))
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda _: None  # what killed processes leave behind is thrown away unfinished
    with MUTANTS[options.mutant]() if options.mutant else nullcontext():
        failed = 0
        for seed in range(first, last):
            failed += not _shown(seed)
            if failed and options.mutant:
                break
    print(f"{last - first} seeds, {failed} with findings")
    return 1 if failed else 0


def _shown(seed: int) -> bool:
    """Run one seed and print what it showed. Returns whether all was well."""
    try:
        told = run(seed)
    except Exception:
        print(f"seed {seed}: {traceback.format_exc()}", flush=True)
        return False
    print(f"seed {seed}: {_summary(told)}", flush=True)
    for finding in told.findings:
        print(f"seed {seed}: {finding}", flush=True)
    return not told.findings


def _summary(told: Run) -> str:
    faults = ", ".join(f"{count} {name}" for name, count in sorted(told.faults.items())) or "no faults"
    return f"{told.events} events, {told.transactions} transactions, {told.fenced} fenced, {told.virtual_s:.0f} s; {faults}"


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # without taking down what killed processes left behind, task by task
