"""Cases as files for publish: in order of time, in one piece or in slices of whole days."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Self

import yaml

from mahnlauf.stories import LAST_DAY, POLICY, TENANT
from mahnlauf.stories import cases as told_cases
from mahnlauf.stories import lines as told_lines
from schemas import topics
from schemas.policy import Policy
from streams.replay import Event, Replayed, replay
from tests.replay.cases import FINES

TICK: Final = time(12)
"""UTC, once a day."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: when its event happened, and the line itself."""

    moment: datetime
    content: dict[str, Any]

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        return cls(datetime.fromisoformat(content["value"]["time"]), content)

    @property
    def time_ms(self) -> int:
        return (self.moment - _EPOCH) // timedelta(milliseconds=1)

    @property
    def key(self) -> bytes:
        return str(self.content["key"]).encode()

    @property
    def value(self) -> bytes:
        return json.dumps(self.content["value"]).encode()

    @property
    def event(self) -> Event:
        """As replay takes it."""
        return Event(self.time_ms, self.content["topic"], self.key, self.value)


@dataclass(frozen=True, slots=True)
class Slice:
    """Events of some days, and the last day until which ticks belong to them."""

    lines: Sequence[Line]
    until: date

    def ticks(self) -> list[datetime]:
        """One a day, from the first event's day on."""
        first = datetime.combine(self.lines[0].moment.date(), TICK, UTC)
        return [first + timedelta(days=number) for number in range((self.until - first.date()).days + 1)]

    def written(self, path: Path) -> Path:
        path.write_text("".join(json.dumps(line.content) + "\n" for line in self.lines), encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True)
class Cases:
    """Events in order of time, of one tenant, with the policy it has, to be looked at until a day."""

    tenant: str
    policy: Policy
    lines: tuple[Line, ...]
    until: date

    def of_contracts(self, one_in: int, offset: int = 0) -> "Cases":
        """Every `one_in`-th contract, in order of their first events."""
        keys = list({line.key: None for line in self.lines})
        chosen = set(keys[offset % one_in :: one_in])
        return Cases(self.tenant, self.policy, tuple(line for line in self.lines if line.key in chosen), self.until)

    def up_to(self, until: date) -> "Cases":
        """What happened up to and including the day `until`."""
        return Cases(self.tenant, self.policy, tuple(line for line in self.lines if line.moment.date() <= until), until)

    def periods(self, days: int) -> list[Slice]:
        """Slices of so many days with events each."""
        pieces = self.days()
        groups = [pieces[begin : begin + days] for begin in range(0, len(pieces), days)]
        return [Slice(tuple(line for piece in group for line in piece.lines), group[-1].until) for group in groups]

    def days(self) -> list[Slice]:
        """A slice for each day on which something happened."""
        return self.slices(len(self.lines))

    def slices(self, count: int) -> list[Slice]:
        """At most `count` slices of about as many events each; the ticks up to the day before the next one's first event are its own."""
        size = -(-len(self.lines) // count)
        cuts = [0]
        for place in range(1, len(self.lines)):
            if place - cuts[-1] >= size and self._begins_a_day(place):
                cuts.append(place)
        ends = [self.lines[cut].moment.date() - timedelta(days=1) for cut in cuts[1:]]
        pieces = [self.lines[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(self.lines)], strict=True)]
        return [Slice(piece, until) for piece, until in zip(pieces, [*ends, self.until], strict=True)]

    def whole(self) -> Slice:
        return Slice(self.lines, self.until)

    def replayed(self) -> Replayed:
        """What they come to, without a broker."""
        return replay([line.event for line in self.lines], [self.policy], self.until, TICK)

    def undecided(self) -> set[str]:
        """Contracts with events of several topics at the same moment: to a worker that keeps up, the one that arrives first is first, so
        their statuses may change in another order (what is owed may not)."""
        seen: dict[tuple[str, datetime], set[str]] = {}
        for line in self.lines:
            seen.setdefault((line.content["key"], line.moment), set()).add(line.content["topic"])
        return {key for (key, _), of in seen.items() if len(of) > 1}

    def _begins_a_day(self, place: int) -> bool:
        return self.lines[place].moment.date() != self.lines[place - 1].moment.date()


def fines(policy: Policy, until: date) -> Cases:
    """The real cases (`tests.replay.cases.needs_fines` skips where they are absent)."""
    with gzip.open(FINES) as file:
        return Cases("comune", policy, tuple(Line.of(json.loads(line)) for line in file), until)


def stories() -> Cases:
    """The demo's cases: half a year, several kinds of events; no contract has events of two input topics on one day."""
    policy = Policy.model_validate_json(json.dumps(yaml.safe_load(POLICY)))
    read = (Line.of(json.loads(line)) for line in told_lines(list(told_cases())))
    lines = sorted((line for line in read if line.content["topic"] != topics.DEBTORS), key=lambda line: line.moment)
    return Cases(TENANT, policy, tuple(lines), LAST_DAY)
