"""Compute every contract again from the input topics and compare with what stands on the cluster."""

from dataclasses import asdict
from typing import Annotated

import typer

from mahnlauf.audit.auditing import STANDS_AFTER_S, Audit, audit
from mahnlauf.audit.findings import KEPT, KINDS
from mahnlauf.connecting import connection
from mahnlauf.failures import FINDINGS
from mahnlauf.progress import bars
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, note, say
from streams.engine.cluster import Connection
from streams.processor import EscalationProcessor

app = typer.Typer(add_completion=False)
TOLD = 20


@app.command("audit", epilog="Example: mahnlauf audit")
def command(as_json: Annotated[bool, typer.Option("--json", help=f"For a script, with the findings (at most {KEPT:,}).")] = False) -> None:
    """Compute every contract again from the input topics and compare with what stands on the cluster.

    The records are applied in the order of the journal, and case-status, case-history, notices, commands, bookings, dead letters and
    forwarded records compared: lost (missing on the cluster), doubled (once too often), different (not alike). Exit code 1 if there is
    anything, or if a partition stands still. Workers may run meanwhile; what they have not applied yet is told.
    """
    told = run(_audit(connection(load().kafka)))
    if as_json:
        give_json(
            {**{kind: told.findings.counts[kind] for kind in KINDS}, **_counted(told), "findings": [asdict(f) for f in told.findings.kept]}
        )
    else:
        tell(told)
    if not told.clean:
        raise typer.Exit(FINDINGS)


async def _audit(where: Connection) -> Audit:
    with bars(counted=False) as begin:
        return await audit(where, EscalationProcessor(), begin("auditing"))


def tell(told: Audit) -> None:
    """The verdict for a person."""
    outputs = ", ".join(f"{count:,} {topic}" for topic, count in sorted(told.outputs.items()))
    applied = f"{told.events:,} events and {told.ticks:,} ticks of {told.contracts:,} contracts"
    say(f"computed again: {applied} in {told.transactions:,} transactions")
    say(f"compared: {outputs}, {told.dead_letters:,} dead letters, {told.forwarded:,} forwarded")
    for finding in told.findings.kept[:TOLD]:
        say(str(finding))
    if told.findings.counts.total() > TOLD:
        note(f"(the first {TOLD} of {told.findings.counts.total():,}; --json tells more)")
    for rules, count in told.other_rules.items():
        note(f"{count:,} transactions were decided by rules {rules}, this release has others: differences may come from that")
    if told.not_applied:
        note(f"up to {told.not_applied:,} input records (or markers) are not applied yet")
    for number, count in told.standing.items():
        say(
            f"partition {number} stands still: up to {count:,} input records (or markers) are not applied, and nothing was for "
            f"{STANDS_AFTER_S:.0f} s; see /readyz of the workers for the reason (does one run? mahnlauf worker)"
        )
    say("audit: " + ", ".join(f"{told.findings.counts[kind]:,} {kind}" for kind in KINDS))


def _counted(told: Audit) -> dict[str, object]:
    names = (
        "partitions",
        "transactions",
        "events",
        "ticks",
        "contracts",
        "outputs",
        "dead_letters",
        "forwarded",
        "not_applied",
        "standing",
        "other_rules",
    )
    return {name: getattr(told, name) for name in names}
