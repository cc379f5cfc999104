"""Make the product's topics on a cluster, and check that they are as they must be."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from mahnlauf import topics
from mahnlauf.connecting import connection
from mahnlauf.failures import FINDINGS
from mahnlauf.settings import Settings, load
from mahnlauf.telling import give_json, say
from schemas.topics import TOPICS
from streams.engine.cluster import Connection

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make the product's topics on a cluster, and check that they are as they must be.",
    epilog="Example: mahnlauf topics create",
)

Partitions = Annotated[
    int | None,
    typer.Option(min=1, help="For all partitioned topics, for life; at most 500,000 contracts each: 48 is good advice in production."),
]
Replication = Annotated[int | None, typer.Option(min=1, help="Copies of each record; without it min(3, brokers).")]
AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]


@app.command(epilog="Example: mahnlauf topics create --partitions 48")
def create(partitions: Partitions = None, replication: Replication = None, as_json: AsJson = False) -> None:
    """Make the topics that are missing, then check all of them. What exists is never changed."""
    settings = load()
    made, differences = asyncio.run(_create(connection(settings.kafka), settings, partitions, replication))
    if not as_json:
        say(f"{len(made)} topics made, {len(TOPICS) - len(made)} were there")
    _tell(differences, as_json, {"made": made})


@app.command(epilog="Example: mahnlauf topics check --json")
def check(partitions: Partitions = None, replication: Replication = None, as_json: AsJson = False) -> None:
    """Compare the cluster's topics with what they must be; exit code 1 if anything differs."""
    settings = load()
    where = connection(settings.kafka)
    differences = asyncio.run(topics.check(where, partitions, replication or settings.kafka.replication))
    _tell(differences, as_json, {})


async def _create(
    where: Connection, settings: Settings, partitions: int | None, replication: int | None
) -> tuple[list[str], list[topics.Difference]]:
    partitions = partitions or settings.kafka.partitions
    replication = replication or settings.kafka.replication
    made = await topics.create(where, partitions, replication)
    return made, await topics.check(where, partitions, replication)


def _tell(differences: list[topics.Difference], as_json: bool, more: dict[str, object]) -> None:
    if as_json:
        give_json({**more, "topics": len(TOPICS), "differences": [asdict(difference) for difference in differences]})
    elif differences:
        say("\n".join(str(difference) for difference in differences))
    else:
        say(f"all {len(TOPICS)} topics are as they must be")
    if differences:
        raise typer.Exit(FINDINGS)
