"""States in RocksDB: for more state than memory, and for a restart that reads only what it missed.

One folder a partition. Keys by their first byte: `s` + key → framed state, `d` + due time (8 bytes) + key → nothing, `m` + name → the
store's own facts. State, index and changelog offset of a batch are one write, so that a crash leaves all of it or nothing.

A folder is rebuilt from the changelog, not trusted, when it is of another cluster or another topic of the same name, when it stands
beyond the changelog's end (a restored backup), or when it is older than tombstones are kept (limits.py). Its age counts from when it last
was all that the changelog held: from a commit or the end of a recovery, not from a recovery under way or from closing it, which may come
after anything.

A damaged one is rebuilt too. Where only reading shows the damage, the store says so instead of holding less: it raises StoreDamaged, and
its folder goes when it is closed.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, ReadOptions, WriteBatch

from streams.engine.errors import EngineError, StoreDamaged
from streams.engine.framing import NEVER, RESERVED, due_of
from streams.engine.store import Moves

log = logging.getLogger(__name__)

_STATE, _DUE, _META = b"s", b"d", b"m"
_FACTS = _META + b"facts"
_CACHE_BYTES = 32 << 20
_WRITE_BUFFER_BYTES = 16 << 20
_DAMAGE = ("Corruption", "No such file or directory")
"""What RocksDB says where a file is not what it wrote. Anything else (a lock, a full disk, permissions) is no reason to delete a folder."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The changelog a store belongs to. Ids, because a deleted and newly made topic has the same name and other offsets."""

    cluster_id: str
    topic_id: str
    partition: int


class RocksStore:
    """States of one partition in the folder `path`. Raises EngineError if another process has it open, StoreDamaged from any method but
    `close`."""

    def __init__(self, path: Path, origin: Origin, changelog_end: int, max_age_s: float, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._origin = origin
        self._path = path
        self._damaged = False
        self._db: Any = None
        facts = self._opened(changelog_end, max_age_s)
        self.position = int(facts.get("position", 0))
        self._whole_at_s: float = facts.get("written_at_s", clock())
        self._rebuilding = self.position == 0

    def _opened(self, changelog_end: int, max_age_s: float) -> dict[str, Any]:
        """What the folder says of itself; {} of a new one."""
        reason: str | None = None
        if self._path.exists():
            try:
                self._db = _open(self._path)
                facts = self._facts()
                reason = _distrusted(facts, self._origin, changelog_end, max_age_s, self._clock())
            except StoreDamaged as error:
                reason = str(error)
            if reason is None:
                return facts
            log.warning("%s is rebuilt from the changelog: %s", self._path, reason)
            self._damaged = True
            self.close()
            self._damaged = False
        self._db = _open(self._path)
        return {}

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(_STATE + key)
        except Exception as error:  # rocksdict raises nothing narrower
            raise self._failed(error) from error
        return value

    def load(self, records: Mapping[bytes, bytes | None], position: int) -> None:
        # A rebuild writes the index once, at its end: most records read first are replaced by later ones.
        self._write(records, {} if self._rebuilding else self._moves(records), position)

    def loaded(self) -> None:
        self._whole_at_s = self._clock()
        if self._rebuilding:
            self._index_all()
            return
        batch = WriteBatch(raw_mode=True)
        batch.put(_FACTS, self._now(self.position))
        self._commit(batch)

    def write(self, changes: Mapping[bytes, bytes | None], moves: Moves, position: int) -> None:
        self._whole_at_s = self._clock()
        self._write(changes, moves, position)

    def _write(self, changes: Mapping[bytes, bytes | None], moves: Moves, position: int) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, framed in changes.items():
            if framed is None:
                batch.delete(_STATE + key)
            else:
                batch.put(_STATE + key, framed)
        for key, (before, after) in moves.items():
            _move(batch, key, before, after)
        batch.put(_FACTS, self._now(position))
        self._commit(batch)
        self.position = position

    def _commit(self, batch: Any) -> None:
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failed(error) from error

    def due(self, now_ms: int) -> list[bytes]:
        return [key[9:] for key in self._keys(_DUE, _DUE + (now_ms + 1).to_bytes(8, "big"))]

    def starting_with(self, prefixes: Iterable[bytes]) -> set[bytes]:
        found = {key[1:] for prefix in prefixes for key in self._keys(_STATE + prefix, _after(_STATE + prefix))}
        return {key for key in found if not key.startswith(RESERVED)}

    def count(self) -> int:
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0) // 2

    def empty(self) -> bool:
        return not any(True for _ in self._walk(_STATE, _after(_STATE)))

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
        if self._damaged:
            shutil.rmtree(self._path)

    def _facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads(self._db.get(_FACTS) or b"{}")
        except Exception as error:
            raise self._failed(error) from error
        return facts

    def _now(self, position: int) -> bytes:
        # While rebuilding the index is missing, so a crash then must begin again.
        stands_at = 0 if self._rebuilding else position
        return json.dumps({"origin": asdict(self._origin), "position": stands_at, "written_at_s": self._whole_at_s}).encode()

    def _moves(self, records: Mapping[bytes, bytes | None]) -> Moves:
        try:
            before = self._db.get([_STATE + key for key in records])
        except Exception as error:
            raise self._failed(error) from error
        return {key: (_due(old), _due(new)) for (key, new), old in zip(records.items(), before, strict=True)}

    def _index_all(self) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, framed in self._items(_STATE, _after(_STATE)):
            _move(batch, key[1:], NEVER, due_of(framed))
        self._rebuilding = False
        batch.put(_FACTS, self._now(self.position))
        self._commit(batch)

    def _keys(self, start: bytes, end: bytes) -> list[bytes]:
        return [at.key() for at in self._walk(start, end)]

    def _items(self, start: bytes, end: bytes) -> Iterable[tuple[bytes, bytes]]:
        return ((at.key(), at.value()) for at in self._walk(start, end))

    def _walk(self, start: bytes, end: bytes) -> Iterator[Any]:
        """At a damaged block an iterator ends as it does behind the last key; only its status tells one from the other."""
        at = self._db.iter(_below(end))
        at.seek(start)
        while at.valid():
            yield at
            at.next()
        try:
            at.status()
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> EngineError:
        """What to raise; a damaged folder is not opened again."""
        failed = _told(error, self._path, "can't be used")
        self._damaged = isinstance(failed, StoreDamaged)
        return failed


def _due(framed: bytes | None) -> int:
    return NEVER if framed is None else due_of(framed)


def _move(batch: Any, key: bytes, before: int, after: int) -> None:
    if before == after:
        return
    if before != NEVER:
        batch.delete(_DUE + before.to_bytes(8, "big") + key)
    if after != NEVER:
        batch.put(_DUE + after.to_bytes(8, "big") + key, b"")


def _below(end: bytes) -> Any:
    options = ReadOptions()
    options.set_iterate_upper_bound(end)
    return options


def _after(prefix: bytes) -> bytes:
    """The first key behind all that begin with `prefix`, whose first byte is a letter."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1])


def _options() -> Any:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_keep_log_file_num(2)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(_CACHE_BYTES))
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


def _open(path: Path) -> Any:
    path.mkdir(parents=True, exist_ok=True)
    try:
        return Rdict(str(path), _options())
    except Exception as error:
        raise _told(error, path, "can't be opened; give each worker a folder of its own") from error


def _told(error: Exception, path: Path, what: str) -> EngineError:
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    if any(sign in words for sign in _DAMAGE):
        return StoreDamaged(f"the state folder {path} is damaged: {words}")
    return EngineError(f"the state folder {path} {what}: {words}")


def _distrusted(facts: Mapping[str, Any], origin: Origin, changelog_end: int, max_age_s: float, now_s: float) -> str | None:
    """Why the folder that says this of itself can't be used, or None."""
    if not facts:
        return "it was never finished"
    if facts["origin"] != asdict(origin):
        return "it belongs to another cluster, topic or partition"
    if facts["position"] > changelog_end:
        return f"it stands at {facts['position']}, beyond the changelog's end {changelog_end}"
    if now_s - facts["written_at_s"] > max_age_s:
        return f"it was last written {(now_s - facts['written_at_s']) / 86_400:.1f} days ago, longer than tombstones are kept"
    return None
