"""Files of lines, plain or gzipped, held as one read-only view each, so that a line can be found again without keeping it in memory.

A gzipped file is unpacked into a temporary file first. An index of lines takes about 60 bytes a line, whatever the lines hold.
"""

import gzip
import mmap
import shutil
import tempfile
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, NamedTuple, Self

from mahnlauf.failures import BadInput

_GZIP: Final = b"\x1f\x8b"
_SEQUENCE_BITS: Final = 34
_RANK_BITS: Final = 6


class Place(NamedTuple):
    """Where a line stands, for a person: line numbers count from 1."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


class LineFiles:
    """Several files as one sequence of lines that aren't empty. Use as a context; raises BadInput for what cannot be read."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._views: list[mmap.mmap | bytes] = []
        self._begins = array("q")  # of each line, in its file
        self._firsts: list[int] = []  # number of each file's first line in the sequence
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for path in self.paths:
                self._views.append(_view(path, opening))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for view in self._views:
            if isinstance(view, mmap.mmap):
                view.close()
        self._open.close()

    @property
    def size_bytes(self) -> int:
        """Of all files, unpacked."""
        return sum(len(view) for view in self._views)

    def __iter__(self) -> Iterator[tuple[int, Place, bytes]]:
        """Every line with its number in the sequence, by which `line` finds it again. To be walked through once, before `line`."""
        for path, view in zip(self.paths, self._views, strict=True):
            self._firsts.append(len(self._begins))
            for number, begin, text in _lines(view):
                self._begins.append(begin)
                yield len(self._begins) - 1, Place(path, number), text

    def line(self, sequence: int) -> bytes:
        """The line of that number."""
        view = self._views[bisect_right(self._firsts, sequence) - 1]
        begin = self._begins[sequence]
        end = view.find(b"\n", begin)
        return view[begin : end if end >= 0 else len(view)]


class Order:
    """Lines in order of (time, rank, sequence). Times in milliseconds since 1970, ranks 0 to 63."""

    def __init__(self) -> None:
        self._keys: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, time_ms: int, rank: int, sequence: int) -> None:
        self._keys.append((((time_ms << _RANK_BITS) | rank) << _SEQUENCE_BITS) | sequence)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(time_ms, sequence) of each line, in order."""
        self._keys.sort()
        for key in self._keys:
            yield key >> (_RANK_BITS + _SEQUENCE_BITS), key & ((1 << _SEQUENCE_BITS) - 1)


def _view(path: Path, opening: ExitStack) -> mmap.mmap | bytes:
    try:
        file: IO[bytes] = opening.enter_context(path.open("rb"))
        if file.read(2) == _GZIP:
            file = _unpacked(path, opening)
        file.seek(0)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:  # an empty file has nothing to map
        return b""
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from None


def _unpacked(path: Path, opening: ExitStack) -> IO[bytes]:
    unpacked = opening.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by the stack
    try:
        with gzip.open(path) as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: a broken gzip file: {error}; fetch or write it again") from None
    unpacked.flush()
    return unpacked


def _lines(view: mmap.mmap | bytes) -> Iterator[tuple[int, int, bytes]]:
    begin, number, length = 0, 0, len(view)
    while begin < length:
        end = view.find(b"\n", begin)
        end = end if end >= 0 else length
        number += 1
        text = view[begin:end]
        if text.strip():
            yield number, begin, text
        begin = end + 1
