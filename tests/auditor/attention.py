"""Attention: what a person must look at, what sets it and what ends it (section 7)."""

from dataclasses import dataclass, field

from tests.auditor import readings

UNTIL_NEXT_STATUS = frozenset({"rejected", "submission_unknown", "failed"})
"""These end with the next change of status or attempt."""
WAITING = frozenset({"rejected", "recalled"})
"""These stay, whatever ends a cycle, while receivables wait so."""


@dataclass
class Attention:
    """The names in force, and for those that end with their cause the causes seen last."""

    names: set[str] = field(default_factory=set)
    causes: dict[str, set[str]] = field(default_factory=dict)

    def raise_(self, name: str) -> None:
        self.names.add(name)

    def end(self, *names: str) -> None:
        self.names -= set(names)

    def follow(self, name: str, causes: set[str]) -> None:
        """Set when a new cause appears (not again while it lasts), ended with the last one."""
        before = self.causes.get(name, set())
        if causes - before and (readings.EACH_CAUSE_RAISES_ATTENTION or not before):
            self.names.add(name)
        if not causes:
            self.names.discard(name)
        self.causes[name] = causes

    def alarm(self, name: str, due: bool) -> None:
        """Set when it becomes due; what ends it is another matter."""
        if due and not self.causes.get(name):
            self.names.add(name)
        self.causes[name] = {name} if due else set()
