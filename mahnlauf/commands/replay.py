"""Apply the rules to files of events without a broker, and write what they come to."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from mahnlauf import moments, replaying
from mahnlauf.policy_file import read_policy
from mahnlauf.replaying import Days, Told
from mahnlauf.telling import err, give_json, note, out, say
from streams.replay import Buried, Replayed

app = typer.Typer(add_completion=False)
NAMED = 5


@app.command("replay", epilog="Example: mahnlauf replay events.jsonl.gz --policy standard.yaml --until 2026-03-31 --out result")
def command(
    files: Annotated[list[Path], typer.Argument(help="JSONL, plain or gzipped; also what export wrote.", show_default=False)],
    until: Annotated[
        str, typer.Option(help="The last day, inclusive; later events are left out.", metavar="YYYY-MM-DD", show_default=False)
    ],
    policy: Annotated[
        list[Path] | None, typer.Option(help="A policy file, for all tenants; may be repeated, the first is the default.", metavar="FILE")
    ] = None,
    tick: Annotated[str, typer.Option(help="Time of day of the one tick a day (UTC).", metavar="HH:MMZ")] = "12:00Z",
    as_arrived: Annotated[bool, typer.Option("--as-arrived", help="Events in file order instead of order of time.")] = False,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Write the outputs as files into this folder.", metavar="DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Apply the rules to files of events without a broker, and write what they come to.

    The same files published with the same ticks (and no connector) give the same records on a cluster.
    """
    policies = [read_policy(path) for path in policy or ()]
    days = Days(moments.day("--until", until), moments.time_of_day("--tick", tick), as_arrived)
    with err.status("replaying"):
        told = replaying.replay_files(files, policies, days)
        written = replaying.write(told.replayed, out_folder) if out_folder else []
    if as_json:
        give_json(_counted(told, written))
    else:
        _tell(told, written)
    _warn(told, tick)


def _counted(told: Told, written: list[Path]) -> dict[str, object]:
    replayed = told.replayed
    return {
        "events": replayed.events,
        "ticks": replayed.ticks,
        "contracts": replayed.contracts,
        "status": _statuses(replayed),
        "outputs": {name: len(outputs) for name, outputs in replayed.outputs.items()},
        "dead_letters": replayed.dead_letters,
        "dead_letters_named": [_named(buried) for buried in replayed.buried],
        "skipped": replayed.skipped,
        "after_until": replayed.after_until,
        "without_time": told.seen.without_time,
        "debtors": told.debtors,
        "never_saw_a_late_enough_tick": replayed.never_late_enough,
        "written": [str(path) for path in written],
    }


def _named(buried: Buried) -> dict[str, object]:
    return {**buried._asdict(), "place": str(buried.place), "key": _key(buried)}


def _key(buried: Buried) -> str | None:
    return None if buried.key is None else buried.key.decode(errors="replace")


class _Data(msgspec.Struct):
    status: str


class _Row(msgspec.Struct):
    data: _Data


def _statuses(replayed: Replayed) -> Counter[str]:
    values = (output.value for output in replayed.case_status.values())
    return Counter(msgspec.json.decode(value, type=_Row).data.status for value in values if value is not None)


def _tell(told: Told, written: list[Path]) -> None:
    replayed = told.replayed
    say(f"{replayed.events:,} events and {replayed.ticks:,} ticks of {replayed.contracts:,} contracts")
    table = Table("status", "contracts", box=None)
    for status, count in sorted(_statuses(replayed).items()):
        table.add_row(status, f"{count:,}")
    out.print(table)
    for name, outputs in sorted(replayed.outputs.items()):
        say(f"{len(outputs):>10,}  {name}")
    for reason, count in replayed.dead_letters.most_common():
        say(f"{count:>10,}  dead letters: {reason}")
    for buried in replayed.buried[:NAMED]:
        say(f"{buried.place}: {buried.topic} {_key(buried)}: {buried.reason}: {buried.detail}")
    if replayed.dead_letters.total() > NAMED:
        note(f"(the first {NAMED} of {replayed.dead_letters.total():,} dead letters; --json tells more)")
    for path in written:
        say(f"wrote {path}")


def _warn(told: Told, tick: str) -> None:
    replayed = told.replayed
    for number, words in (
        (replayed.after_until, "events lie after --until and were left out"),
        (
            told.seen.without_time,
            "lines name no usable time and took that of the line before them (at the head of a file: the first in it)",
        ),
        (told.seen.copies, "lines of escalation.timers are copies from other partitions and were passed over"),
        (told.debtors, "lines describe debtors: no rule needs them"),
        (replayed.skipped.total(), "events have a type that is none of ours"),
    ):
        if number:
            note(f"{number:,} {words}")
    late = replayed.never_late_enough
    if late:
        names = ", ".join(late[:NAMED]) + (", …" if len(late) > NAMED else "")
        note(f"{len(late):,} contracts never saw a tick at or after their policy's `at`, so no step was taken for them: {names}")
        note(f"give a later --tick than {tick} (it is UTC, `at` is local time)")
