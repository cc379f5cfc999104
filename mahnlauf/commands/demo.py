"""Run the whole chain on a Kafka of its own, let days pass, and have it audited."""

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mahnlauf.broker.temporary import Kind, choose, described, temporary
from mahnlauf.demo.cases import from_file, generated
from mahnlauf.demo.demo import demo
from mahnlauf.failures import FINDINGS
from mahnlauf.running import run
from mahnlauf.telling import note, say

app = typer.Typer(add_completion=False)


@app.command("demo", epilog="Example: mahnlauf demo")
def command(
    cases: Annotated[
        Path | None,
        typer.Option(help="Events of your own (JSONL, as publish reads them) instead of 500 generated stories.", metavar="FILE"),
    ] = None,
    broker: Annotated[Kind, typer.Option(help="Where its Kafka comes from.")] = "auto",
    keep: Annotated[bool, typer.Option("--keep", help="Let everything run on until Ctrl-C, the console's pages too.")] = False,
) -> None:
    """Run the whole chain on a Kafka of its own, let days pass, and have it audited.

    Broker, topics, worker, connector, an agency's sandbox and the console start in a folder of their own; cases are published and simulated
    days pass as fast as the chain keeps up. A link is told under which the cases can be watched. It ends with a summary, the path of one
    contract and the audit's verdict, and leaves nothing running. Exit code 1 if anything is lost, doubled or different, or the chain has
    not done what it must.
    """
    began = time.monotonic()
    kind = choose(broker)
    folder = Path(tempfile.mkdtemp(prefix="mahnlauf-demo-"))
    try:
        told = from_file(cases, folder, datetime.now(UTC).date()) if cases else generated(folder)
        if told.described:
            note(f"{told.described:,} contracts have no debtor in the file; the demo invented one for each")
        say(described(kind))
        with temporary(folder / "kafka", kind) as bootstrap:
            outcome = run(demo(bootstrap, told, folder, complete=cases is None, keep=keep))
    except BaseException:
        _leave(folder)
        raise
    for missing in outcome.missing:
        note(f"missing: {missing}")
    say(f"the demo took {time.monotonic() - began:.0f} s")
    if not outcome.good:
        _leave(folder)
        raise typer.Exit(FINDINGS)
    shutil.rmtree(folder, ignore_errors=True)


def _leave(folder: Path) -> None:
    """The logs say what happened; Kafka's data is of no use any more."""
    shutil.rmtree(folder / "kafka", ignore_errors=True)
    if not isinstance(sys.exc_info()[1], KeyboardInterrupt) and any(folder.glob("*.log")):
        note(f"the logs are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
