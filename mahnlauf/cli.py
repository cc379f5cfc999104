"""The command line: finds the commands, and turns what goes wrong in them into messages and exit codes.

Each module of `mahnlauf.commands` is one command (or a group of them): its first docstring line is the help in the list, its `app` the
typer application. A module is imported when its command is called, so that `mahnlauf --help` need not wait for all of them.
"""

import ast
import logging
import os
import sys
import tempfile
import traceback
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mahnlauf import failures
from mahnlauf.telling import note

COMMANDS = Path(__file__).parent / "commands"


class Deferred(TyperCommand):
    """A command known by name and first line; the rest of it is imported when somebody calls it."""

    def __init__(self, name: str, module: str, first_line: str) -> None:
        super().__init__(name, help=first_line)
        self._module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command, which then is the one invoked."""
        command = typer.main.get_command(import_module(self._module).app)
        command.name = self.name
        return command.make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """All commands, by the modules that are there."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_modules())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        path = _modules().get(cmd_name)
        return Deferred(cmd_name, f"{__package__}.commands.{path.stem}", _first_line(path)) if path else None


@cache
def _modules() -> dict[str, Path]:
    return {path.stem.replace("_", "-"): path for path in sorted(COMMANDS.glob("*.py")) if path.stem != "__init__"}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Example: mahnlauf demo",
)


@app.callback()
def root(
    config: Annotated[Path | None, typer.Option(help="Settings file instead of ./mahnlauf.toml.", metavar="FILE")] = None,
) -> None:
    """Payment escalation as a stream: reminders, handover to a debt-collection agency, exactly once on Apache Kafka."""
    if config is not None:
        os.environ["MAHNLAUF_CONFIG"] = str(config)  # read by mahnlauf.settings, and by the processes we start


def main() -> None:
    """Run the command line and exit; whatever happens, a user sees words and an exit code."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it has to say is in the errors, told once; worker keeps a log
    try:
        app(prog_name="mahnlauf")
    except failures.CommandFailed as failure:
        note(str(failure))
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(failures.INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(failures.FINDINGS)
    except Exception as error:
        sys.exit(_told_from_elsewhere(error))


def _told_from_elsewhere(error: Exception) -> int:
    """Errors of the other rooms, which know nothing of exit codes; anything else is a defect of ours, with its trace in a file."""
    from aiokafka.errors import KafkaError

    from streams.engine.errors import EngineError

    if isinstance(error, EngineError | KafkaError):
        note(f"Kafka: {error}")
        return failures.CLUSTER
    with tempfile.NamedTemporaryFile("w", prefix="mahnlauf-", suffix=".trace", delete=False, encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    note(f"a defect in mahnlauf: {type(error).__name__}: {error}\nPlease report it with {file.name}")
    return failures.DEFECT
