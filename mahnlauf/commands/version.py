"""Say which mahnlauf, Python and libraries this is."""

import platform
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from mahnlauf.telling import give_json, say

app = typer.Typer(add_completion=False)
LIBRARIES = ("aiokafka", "faust-streaming", "pydantic", "rocksdict")


@app.command(epilog="Example: mahnlauf version --json")
def version(as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False) -> None:
    """Say which mahnlauf, Python and libraries this is."""
    told = {"mahnlauf": version_of("mahnlauf"), "python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}}
    if as_json:
        give_json(told)
    else:
        say("\n".join(f"{name} {number}" for name, number in told.items()))
