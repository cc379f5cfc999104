"""The diagram and the table of transitions, drawn from `streams/escalation/statuses.py`."""

from collections.abc import Iterator, Sequence
from typing import Final

from streams.escalation.statuses import LADDER, OPEN, TRANSITIONS, Transition

GROUPS: Final = {"ladder": ("the ladder", LADDER), "open": ("an open case", OPEN)}
"""Statuses drawn in one box: an arrow from the box stands for an arrow from each of them."""


def flowchart() -> str:
    """A Mermaid flowchart. What leads from anywhere in a box to a status of the same box stands in that status's own box."""
    boxes = [line for group, (title, members) in GROUPS.items() for line in _box(group, title, members)]
    return "\n".join(["```mermaid", "flowchart LR", *boxes, *_arrows(), "```"])


def table() -> str:
    """Every row of the table, in its order."""
    head = ["| trigger | from | to | rules |", "|---|---|---|---|"]
    return "\n".join(
        [*head, *(f"| {row.trigger} | {', '.join(row.sources)} | {row.target} | section {row.section} |" for row in TRANSITIONS)]
    )


def _box(group: str, title: str, members: Sequence[str]) -> Iterator[str]:
    yield f'  subgraph {group}["{title}"]'
    for status in members:
        inside = [row.trigger for row in TRANSITIONS if row.target == status and set(members) <= set(row.sources)]
        yield f'    {status}["{"<br/>".join([status, *(f"<i>{trigger}</i>" for trigger in inside)])}"]'
    yield "  end"


def _arrows() -> Iterator[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for row in TRANSITIONS:
        for source in _drawn_sources(row):
            labels.setdefault((source, row.target), []).append(row.trigger)
    for (source, target), triggers in labels.items():
        yield f'  {source} -- "{", ".join(triggers)}" --> {target}'


def _drawn_sources(row: Transition) -> Iterator[str]:
    """A box where it holds all its members and not the target, else the statuses."""
    left = list(row.sources)
    for group, (_, members) in GROUPS.items():
        if set(members) <= set(left):
            left = [status for status in left if status not in members]
            if row.target not in members:
                yield group
    yield from left
