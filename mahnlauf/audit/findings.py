"""What an audit finds: lost (the rules give it and the cluster does not hold it), doubled (the cluster holds it more often than the rules
give it), different (both have it, not alike or not in the same order)."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["lost", "doubled", "different"]
KINDS: Final[tuple[Kind, ...]] = ("lost", "doubled", "different")
KEPT: Final = 1_000
"""Findings told one by one; beyond them something is wrong that the first thousand show as well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one key. `what` names the record: its id, or where it stands."""

    kind: Kind
    topic: str
    partition: int
    key: str | None
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.topic}-{self.partition} key {self.key}: {self.what}"


@dataclass(slots=True)
class Findings:
    """All counted, the first `KEPT` kept."""

    counts: Counter[Kind] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, kind: Kind, topic: str, partition: int, key: bytes | None, what: str) -> None:
        self.counts[kind] += 1
        if len(self.kept) < KEPT:
            self.kept.append(Finding(kind, topic, partition, None if key is None else key.decode(errors="replace"), what))

    @property
    def none(self) -> bool:
        return not self.counts.total()
