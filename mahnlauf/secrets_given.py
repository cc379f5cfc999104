"""Secrets as a person or a script gives them to a command: from a file, a variable, standard input or a prompt, never as an argument.

An argument stands in the list of processes, and in the shell's history.
"""

import sys
from pathlib import Path

import typer

from mahnlauf.connecting import secret
from mahnlauf.failures import BadInput


def given(name: str, file: Path | None, variable: str | None) -> str:
    """The secret that `--<name>-file` or `--<name>-variable` points to, else the line on standard input, else what is typed. Raises
    BadInput."""
    if file is not None or variable is not None:
        found = secret(f"--{name}", file, variable)
    elif sys.stdin.isatty():
        found = typer.prompt(name.replace("-", " "), hide_input=True)
    else:
        found = sys.stdin.readline().strip()
    if not found:
        raise BadInput(f"the {name.replace('-', ' ')} is empty: give it on standard input, or by --{name}-file or --{name}-variable")
    return found
