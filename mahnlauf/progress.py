"""Bars for long work, on standard error and only where a person is looking."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mahnlauf.telling import err

Advance: TypeAlias = Callable[[int, int | None], None]
"""Told how much is done, of how much (None: nobody knows)."""


@contextmanager
def bars(*, counted: bool = True) -> Iterator[Callable[[str], Advance]]:
    """Gives a function that begins a bar with a description. `counted` shows numbers beside the percentage."""
    columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()]
    shown = [*columns, *([MofNCompleteColumn()] if counted else []), TimeRemainingColumn()]
    with Progress(*shown, console=err, transient=True, disable=not err.is_terminal) as progress:

        def begin(description: str) -> Advance:
            task = progress.add_task(description, total=None)
            return lambda done, whole: progress.update(task, completed=done, total=whole)

        yield begin
