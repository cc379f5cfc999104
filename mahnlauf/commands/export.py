"""Write a topic's committed records as lines that publish reads again."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from mahnlauf.connecting import connection
from mahnlauf.exporting import export
from mahnlauf.failures import BadInput
from mahnlauf.progress import bars
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import note
from streams.engine.cluster import Connection

app = typer.Typer(add_completion=False)


@app.command("export", epilog="Example: mahnlauf export case-status --out case-status.jsonl")
def command(
    topic: Annotated[str, typer.Argument(help="Any topic.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="A file (.gz packs it); without it, standard output.", metavar="FILE")] = None,
) -> None:
    """Write a topic's committed records, up to its end as it is now, as lines that publish reads again.

    A line is {"topic", "partition", "offset", "timestamp", "key", "value", "headers"}; value_base64 and key_base64 stand for what is not
    UTF-8 JSON.
    """
    where = connection(load().kafka)
    with _opened(out) as file:
        count = run(_export(where, topic, file))
    note(f"{count:,} records of {topic}{f' in {out}' if out else ''}")


async def _export(where: Connection, topic: str, file: IO[bytes]) -> int:
    with bars() as begin:
        advance, written = begin(topic), 0

        def count(records: int) -> None:
            nonlocal written
            written += records
            advance(written, None)

        return await export(where, topic, file, count)


@contextmanager
def _opened(out: Path | None) -> Iterator[IO[bytes]]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = out.with_name(out.name + ".unfinished")  # an export that fails leaves an earlier one as it was
    try:
        file = gzip.open(unfinished, "wb") if out.suffix == ".gz" else unfinished.open("wb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise BadInput(f"{out}: cannot be written: {error.strerror or error}") from None
    try:
        with file:
            yield file  # type: ignore[misc]  # a GzipFile is all of IO[bytes] that is used here
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
