"""Publish files of events in order of time, with a tick for each day if days are to pass."""

import time
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from connectors.delivery.sealing import Keys
from mahnlauf import moments
from mahnlauf.connecting import connection, keys
from mahnlauf.failures import BadInput
from mahnlauf.progress import bars
from mahnlauf.publishing import Days, Progress, Published, publish
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, note, say
from streams.engine.cluster import Connection

app = typer.Typer(add_completion=False)


@app.command("publish", epilog="Example: mahnlauf publish events.jsonl.gz --tick 12:00Z --until 2026-03-31")
def command(
    files: Annotated[list[Path], typer.Argument(help="JSONL, plain or gzipped; also what export wrote.", show_default=False)],
    tick: Annotated[
        str | None, typer.Option(help="Time of day of one tick a day (UTC). Without it no tick is sent.", metavar="HH:MMZ")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last day, inclusive; later events are left out.", metavar="YYYY-MM-DD")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Publish files of events in order of time, with a tick for each day if days are to pass.

    A line is {"topic": ..., "key": "<tenant>/<contract>", "value": {...}}. Every line is checked before anything is sent. Records are
    stamped with the time of their event, else the line's "timestamp"; what names neither takes that of the line before it. Where ticks
    are published, workers run with --clock none. What a person wrote (case.message_written, case.question_answered) is sealed.
    """
    days = Days(moments.time_of_day("--tick", tick) if tick else None, moments.day("--until", until) if until else None)
    if not files:
        raise BadInput("name at least one file: mahnlauf publish FILE...")
    begun = time.monotonic()
    settings = load()
    told = run(_publish(connection(settings.kafka), files, days, keys(settings.encryption)))
    seconds = time.monotonic() - begun
    if as_json:
        # (asdict copies a Counter by counting its items)
        give_json({**{field.name: getattr(told, field.name) for field in fields(told)}, "seconds": round(seconds, 3)})
    else:
        _tell(told, seconds)


async def _publish(where: Connection, files: list[Path], days: Days, held: Keys) -> Published:
    with bars() as begin:
        check, send = begin("checking"), begin("publishing")
        return await publish(where, files, days, Progress(check, send), keys=held)


def _tell(told: Published, seconds: float) -> None:
    count = sum(told.records.values())
    for topic, number in sorted(told.records.items()):
        say(f"{number:>12,}  {topic}")
    period = f" from {told.first:%Y-%m-%d} to {told.last:%Y-%m-%d}" if told.first and told.last else ""
    say(f"{count:,} events{period}, {told.ticks:,} ticks, {told.policies} policies, {told.broadcasts} other broadcasts in {seconds:.1f} s")
    for number, words in (
        (told.without_time, "lines name no usable time and took that of the line before them (at the head of a file: the first in it)"),
        (told.copies, "lines of escalation.timers are copies from other partitions and were passed over"),
        (told.after_until, "lines lie after --until and were left out"),
    ):
        if number:
            note(f"{number:,} {words}")
