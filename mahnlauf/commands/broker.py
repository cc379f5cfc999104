"""Start, find and stop a Kafka broker on this machine."""

from dataclasses import asdict
from typing import Annotated

import typer

from mahnlauf.broker import background
from mahnlauf.failures import CLUSTER
from mahnlauf.telling import give_json, note, say

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf broker start")

AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]


@app.callback()
def broker() -> None:
    """Start, find and stop a Kafka broker on this machine: one node, loopback only, its data in the state folder.

    For a cluster of your own, name it in mahnlauf.toml (kafka.bootstrap) and leave this alone.
    """


@app.command(epilog="Example: mahnlauf broker start --port 9092")
def start(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Tried first; a free one is taken where it is not free.")] = background.PORT,
    as_json: AsJson = False,
) -> None:
    """Start the broker in the background and return when it answers; the other commands find it by themselves."""
    found, started = background.start(port)
    if as_json:
        give_json(asdict(found) | {"started": started})
        return
    say(f"Kafka listens on {found.bootstrap} (process {found.pid}){'' if started else ', as it did already'}")
    if started and found.port != port:
        note(f"port {port} was taken, so it is {found.port}")


@app.command(epilog="Example: mahnlauf broker stop")
def stop(as_json: AsJson = False) -> None:
    """Stop the broker; its data stays."""
    found = background.stop()
    if as_json:
        give_json({"stopped": found is not None})
    else:
        say(f"stopped; its data stays in {found.data}" if found else "no broker was running")


@app.command(epilog="Example: mahnlauf broker status --json")
def status(as_json: AsJson = False) -> None:
    """Say whether the broker runs and answers; exit code 3 if it does not."""
    found = background.find()
    answers = found is not None and background.answers(found)
    if as_json:
        give_json({"running": found is not None, "answers": answers, **(asdict(found) if found else {})})
    elif found is None:
        say("no broker is running; start it: mahnlauf broker start")
    else:
        say(f"Kafka listens on {found.bootstrap} (process {found.pid}, since {found.started_at}), data in {found.data}")
        if not answers:
            note(f"but it does not answer; its log: {found.log}")
    if not answers:
        raise typer.Exit(CLUSTER)
