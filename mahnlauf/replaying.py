"""Replaying files of events without a broker (`escalation.md` 9): the way into `streams.replay` from files, and out of it to files."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from mahnlauf import event_lines, lines
from mahnlauf.event_lines import THE_BEGINNING, EventLine, Read
from mahnlauf.failures import BadInput
from mahnlauf.line_files import LineFiles
from mahnlauf.policy_lines import PolicyLine
from schemas import topics
from schemas.codec import encode
from schemas.envelope import Envelope
from schemas.policy import Policy
from schemas.timers import PolicyApplied, PolicyAppliedData, PolicyWithdrawn, PolicyWithdrawnData
from streams.engine.protocol import Output
from streams.replay import DEAD_LETTERS, Event, Replayed, replay

SOURCE: Final = "/mahnlauf/replay"
WRITTEN: Final = (topics.CASE_HISTORY, topics.NOTICES, topics.COMMANDS, topics.BOOKINGS, DEAD_LETTERS)
"""Outputs that have a file even if it is empty."""


@dataclass(frozen=True, slots=True)
class Days:
    """One tick a day at `tick` (UTC) from the first event's day up to and including `until`; `as_arrived`: events in file order."""

    until: date
    tick: time
    as_arrived: bool = False


@dataclass(slots=True)
class Told:
    """`seen` says what was read, `debtors` how many lines of person data were passed over (no rule needs them)."""

    replayed: Replayed
    seen: Read
    debtors: int = 0


@dataclass(slots=True)
class _Versions:
    """Counts policy versions as the cluster does: in order of the moments from which they count, the same again is none, and a withdrawn
    policy keeps its number."""

    latest: dict[str, tuple[int, Policy | None]] = field(default_factory=dict)

    def event(self, line: PolicyLine, at: datetime) -> Envelope | None:
        key = f"{line.tenant}/{line.policy}"
        if line.content is None:
            self.latest[key] = (self.latest.get(key, (0, None))[0], None)
            withdrawn = PolicyWithdrawnData(tenant=line.tenant, policy=line.policy)
            return PolicyWithdrawn(id=f"withdrawn/{key}/{at.isoformat()}", source=SOURCE, time=at, data=withdrawn)
        version, content = self.latest.get(key, (0, None))
        if content == line.content:
            return None
        self.latest[key] = (version + 1, line.content)
        data = PolicyAppliedData(tenant=line.tenant, policy=line.policy, version=version + 1, content=line.content)
        return PolicyApplied(id=f"{key}/{version + 1}", source=SOURCE, time=at, data=data)


def replay_files(paths: Sequence[Path], policies: Sequence[Policy], days: Days, key: str | None = None) -> Told:
    """With `key`, only what concerns that contract. Raises BadInput."""
    names = [policy.policy for policy in policies]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadInput(f"--policy: {', '.join(sorted(twice))} is given twice; the name stands in the file (policy: …)")
    seen = Read()
    events, debtors = read_events(paths, seen)
    _refuse_early_end(seen, days.until)
    wanted_key = None if key is None else key.encode()
    wanted = [event for event in events if wanted_key is None or event.key in (None, wanted_key)]
    return Told(replay(wanted, policies, days.until, days.tick, as_arrived=days.as_arrived), seen, debtors)


def read_events(paths: Sequence[Path], seen: Read) -> tuple[list[Event], int]:
    """The events in file order, and how many lines described debtors. Raises BadInput."""
    with LineFiles(paths) as files:
        found = list(event_lines.read(files, seen))
    wanted = [event_line for event_line in found if event_line.line.topic != topics.DEBTORS]
    if not wanted:
        raise BadInput("nothing to replay: there is no event in " + ", ".join(str(path) for path in paths))
    return list(_events(wanted)), len(found) - len(wanted)


def _refuse_early_end(seen: Read, until: date) -> None:
    if seen.first_ms is not None and until < lines.moment(seen.first_ms).date():
        raise BadInput(f"--until {until} lies before the first event ({lines.moment(seen.first_ms).date()})")


def _events(found: Iterable[EventLine]) -> Iterator[Event]:
    found = list(found)
    policies = _policies(event_line for event_line in found if event_line.line.topic == topics.POLICIES)
    for event_line in found:
        line, time_ms = event_line.line, event_line.when_ms or None
        if line.topic != topics.POLICIES:
            yield Event(time_ms, line.topic, line.key, line.value, line.headers, event_line.place)
        elif event_line.sequence in policies:
            yield Event(time_ms, topics.TIMERS, None, policies[event_line.sequence], place=event_line.place)


def _policies(found: Iterable[EventLine]) -> dict[int, bytes]:
    """What each line that changes something broadcasts, by its sequence."""
    versions, told = _Versions(), {}
    for event_line in sorted(found, key=lambda line: (line.when_ms, line.sequence)):
        at = lines.moment(event_line.when_ms) if event_line.when_ms != THE_BEGINNING else datetime(1970, 1, 1, tzinfo=UTC)
        event = versions.event(PolicyLine.read(event_line.line), at)
        if event is not None:
            told[event_line.sequence] = encode(event)
    return told


def write(replayed: Replayed, folder: Path) -> list[Path]:
    """Write case-status.jsonl (the last record of each key, by key) and a file for each kind of output, in order. Raises BadInput."""
    contents = {topics.CASE_STATUS: replayed.sorted_status()}
    contents |= {name: replayed.outputs.get(name, []) for name in (*WRITTEN, *sorted(replayed.outputs.keys() - set(WRITTEN)))}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / f"{name}.jsonl", outputs) for name, outputs in contents.items()]
    except OSError as error:
        raise BadInput(f"--out {folder}: cannot be written: {error.strerror or error}") from None


def _write(path: Path, outputs: Iterable[Output]) -> Path:
    with path.open("wb") as file:
        file.writelines(lines.written_output(output) for output in outputs)
    return path
