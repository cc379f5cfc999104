"""Both stores keep the same promises; the one on disk also knows when not to trust itself."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from streams.engine.errors import EngineError, StoreDamaged
from streams.engine.framing import NEVER, SHARED_KEY, frame, unframe, with_due
from streams.engine.rocks import Origin, RocksStore
from streams.engine.store import MemoryStore, Moves, Store

ORIGIN = Origin("cluster", "topic", 3)
HOUR_MS = 3_600_000
WEEK_S = 7 * 86_400.0


def rocks(folder: Path, *, origin: Origin = ORIGIN, end: int = 1_000, day: float = 0) -> RocksStore:
    return RocksStore(folder / "3", origin, end, WEEK_S, clock=lambda: (20_000 + day) * 86_400)


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = MemoryStore() if request.param == "memory" else rocks(tmp_path)
    store.loaded()
    yield store
    store.close()


def state(due_ms: int = NEVER, payload: bytes = b"state") -> bytes:
    return frame(1, due_ms, payload)


def put(store: Store, position: int, **dues: int) -> None:
    moves: Moves = {key.encode(): (NEVER, due) for key, due in dues.items() if due != NEVER}
    store.write({key.encode(): state(due) for key, due in dues.items()}, moves, position)


def test_a_frame_is_two_bytes_of_version_eight_of_due_time_and_the_payload() -> None:
    assert frame(3, 7, b"x") == struct.pack(">Hq", 3, 7) + b"x"
    assert unframe(frame(3, 7, b"x")) == (3, 7, b"x")
    assert with_due(frame(3, 7, b"x"), 9) == frame(3, 9, b"x")


def test_what_is_written_is_read_and_a_tombstone_forgets_it(store: Store) -> None:
    put(store, 5, a=10, b=NEVER)
    assert (store.get(b"a"), store.get(b"c"), store.position) == (state(10), None, 5)
    store.write({b"a": None}, {b"a": (10, NEVER)}, 6)
    assert (store.get(b"a"), store.due(NEVER - 1), store.position) == (None, [], 6)


def test_due_keys_are_those_up_to_now_to_the_millisecond(store: Store) -> None:
    put(store, 1, always=0, past=HOUR_MS, now=2 * HOUR_MS + 5, later=2 * HOUR_MS + 6, never=NEVER)
    assert sorted(store.due(2 * HOUR_MS + 5)) == [b"always", b"now", b"past"]


def test_a_moved_due_time_leaves_nothing_behind(store: Store) -> None:
    put(store, 1, a=10)
    store.write({b"a": state(5 * HOUR_MS)}, {b"a": (10, 5 * HOUR_MS)}, 2)
    assert store.due(HOUR_MS) == []
    assert store.due(5 * HOUR_MS) == [b"a"]


def test_prefixes_find_keys_but_never_the_engine_s_own(store: Store) -> None:
    put(store, 1, acme1=NEVER, acme2=0, other=NEVER)
    store.write({SHARED_KEY: state()}, {}, 2)
    assert store.starting_with([b"acme"]) == {b"acme1", b"acme2"}
    assert store.starting_with([b""]) == {b"acme1", b"acme2", b"other"}
    assert store.starting_with([b"acme1", b"x"]) == {b"acme1"}


def test_a_store_is_empty_until_a_key_has_a_state_however_often_it_was_taken(store: Store) -> None:
    for _ in range(4):
        store.loaded()  # a taking writes facts of the store's own, which count among RocksDB's keys
    assert store.empty()
    put(store, 5, a=10)
    assert not store.empty()
    store.write({b"a": None}, {b"a": (10, NEVER)}, 6)
    assert store.empty()


def test_recovery_overwrites_forgets_and_indexes(store: Store) -> None:
    store.load({b"a": state(10), b"b": state(20)}, 7)
    store.load({b"a": state(30), b"b": None, b"c": state()}, 9)
    store.loaded()
    assert (store.get(b"a"), store.get(b"b"), store.position) == (state(30), None, 9)
    assert store.due(100) == [b"a"]


def test_a_restart_finds_everything_and_catches_up_without_a_rebuild(tmp_path: Path) -> None:
    first = rocks(tmp_path)
    first.load({b"a": state(10), b"b": state(20)}, 7)
    first.loaded()
    put(first, 9, c=30)
    first.close()
    again = rocks(tmp_path)
    assert again.position == 9
    again.load({b"a": state(40), b"b": None}, 12)
    again.loaded()
    assert sorted(again.due(35)) == [b"c"]
    assert sorted(again.due(40)) == [b"a", b"c"]
    again.close()


def test_a_crash_while_rebuilding_begins_again(tmp_path: Path) -> None:
    first = rocks(tmp_path)
    first.load({b"a": state(10)}, 7)
    first.close()
    again = rocks(tmp_path)
    assert again.position == 0
    again.load({b"a": state(10)}, 7)
    again.loaded()
    assert again.due(10) == [b"a"]
    again.close()


@pytest.mark.parametrize(
    ("origin", "end", "days_later"),
    [
        (replace(ORIGIN, topic_id="made anew"), 1_000, 0),
        (replace(ORIGIN, cluster_id="other"), 1_000, 0),
        (ORIGIN, 6, 0),
        (ORIGIN, 1_000, 8),
    ],
    ids=["another topic", "another cluster", "beyond the end", "older than tombstones"],
)
def test_what_can_t_be_trusted_is_rebuilt(tmp_path: Path, origin: Origin, end: int, days_later: int) -> None:
    first = rocks(tmp_path)
    first.loaded()
    put(first, 7, risen=0)
    first.close()
    again = rocks(tmp_path, origin=origin, end=end, day=days_later)
    again.loaded()
    assert (again.position, again.get(b"risen"), again.due(10)) == (0, None, [])
    again.close()


def written_on_day_0(tmp_path: Path) -> None:
    first = rocks(tmp_path)
    first.loaded()
    put(first, 7, a=10)
    first.close()


def test_neither_closing_nor_a_recovery_cut_short_makes_a_folder_younger(tmp_path: Path) -> None:
    """What it holds may be as old as its last commit: a tombstone between there and the end may be gone by the eighth day."""
    written_on_day_0(tmp_path)
    for day in (5, 6):
        again = rocks(tmp_path, day=day)
        if day == 6:
            again.load({b"b": state(20)}, 8)
        assert again.get(b"a") == state(10)
        again.close()
    late = rocks(tmp_path, day=8)
    assert (late.position, late.get(b"a")) == (0, None)
    late.close()


def test_a_recovery_that_ended_makes_a_folder_younger(tmp_path: Path) -> None:
    written_on_day_0(tmp_path)
    again = rocks(tmp_path, day=6)
    again.loaded()
    again.close()
    late = rocks(tmp_path, day=12)
    assert (late.position, late.get(b"a")) == (7, state(10))
    late.close()


def test_a_folder_somebody_else_has_open_is_not_taken(tmp_path: Path) -> None:
    first = rocks(tmp_path)
    with pytest.raises(EngineError, match=r"can't be opened; give each worker a folder of its own.*(?i:lock)"):
        rocks(tmp_path)
    first.close()


def on_disk(tmp_path: Path) -> None:
    """A thousand states and due times, in a file of their own."""
    first = rocks(tmp_path)
    first.loaded()
    for number in range(1_000):
        put(first, 7 + number, **{f"k{number:04}": 10})
    first.close()
    rocks(tmp_path, end=2_000).close()  # opening writes the log's content to a table
    assert list((tmp_path / "3").glob("*.sst"))


@pytest.mark.parametrize("file", ["CURRENT", "MANIFEST-*", "*.sst"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:10])], ids=["gone", "cut short"])
def test_a_folder_that_is_not_whole_is_rebuilt(tmp_path: Path, file: str, damage: Callable[[Path], object]) -> None:
    on_disk(tmp_path)
    [damaged] = (tmp_path / "3").glob(file)
    damage(damaged)
    again = rocks(tmp_path, end=2_000)
    again.load({b"k0001": state(10)}, 7)
    again.loaded()
    assert (again.get(b"k0000"), again.due(10)) == (None, [b"k0001"])
    again.close()


@pytest.mark.parametrize(
    ("place", "read"),
    [
        (0.1, lambda store: store.due(10)),
        (0.7, lambda store: store.get(b"k0500") and [store.get(f"k{number:04}".encode()) for number in range(1_000)]),
        (0.7, lambda store: store.starting_with([b"k"])),
        (0.7, lambda store: store.load({f"k{number:04}".encode(): None for number in range(1_000)}, 2_000)),
    ],
    ids=["due times", "states", "prefixes", "catching up"],
)
def test_a_damaged_block_is_told_and_nothing_is_left_out(tmp_path: Path, place: float, read: Callable[[RocksStore], object]) -> None:
    """RocksDB's iterators end at it as they do behind the last key: due times would be missing in silence."""
    on_disk(tmp_path)
    [table] = (tmp_path / "3").glob("*.sst")
    content = bytearray(table.read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    table.write_bytes(content)
    damaged = rocks(tmp_path, end=2_000)
    with pytest.raises(StoreDamaged, match="Corruption"):
        read(damaged)
    damaged.close()
    again = rocks(tmp_path, end=2_000)
    assert (again.position, again.due(10)) == (0, [])
    again.close()
