"""The account's files, moved so that whatever ends the process, each handover is one file and each answer is read at least once.

    <customer>/outgoing/           we put handovers here; the agency takes them, and may move or delete them
    <customer>/incoming/           the agency puts answers here, under another name or suffix until they are whole
    <customer>/mahnlauf/staging/   a handover written to the disk, not yet in outgoing
    <customer>/mahnlauf/sent/      the mark of each handover that may be in outgoing; no person data, kept for ever
    <customer>/mahnlauf/reading/   answers taken from incoming, not yet known to be persisted
    <customer>/mahnlauf/read/      answers that are

A handover is written to staging, then marked, then renamed into outgoing: a mark whose staged file is gone tells that it was placed, even
when the agency has taken it since, and one whose staged file is there tells that it was not. All of this needs one file system.
"""

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from connectors.delivery.errors import ResultUnknown, Unavailable

FILE_BYTES_MAX: Final = 8_000_000
"""No answer is as long; as of an agency's answer by HTTP."""
_FOLDERS: Final = ("outgoing", "incoming", "staging", "sent", "reading", "read")
_NAME_CHARS_MAX: Final = 150
"""Of the agency's name of a file in ours: both fit into what a file system takes."""
_NO_SUCH_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""Mounted file systems that can't flush a folder say so."""


class TooLong(ValueError):
    """A file of more than FILE_BYTES_MAX."""


class Folder:
    """`base`: the account's own folder. What the file system refuses is raised as OSError, but by `place`."""

    def __init__(self, base: Path) -> None:
        ours = base / "mahnlauf"
        self._outgoing, self._incoming = base / "outgoing", base / "incoming"
        self._staging, self._sent, self._reading, self._read = (ours / name for name in _FOLDERS[2:])

    def make(self) -> None:
        """Make what is missing of it."""
        for each in (self._outgoing, self._incoming, self._staging, self._sent, self._reading, self._read):
            each.mkdir(parents=True, exist_ok=True)

    def placed_at(self, reference: str) -> datetime | None:
        """Since when a handover is with the agency; None: it is not."""
        try:
            told = (self._sent / reference).read_text("ascii")
        except FileNotFoundError:
            return None
        return None if (self._staging / reference).exists() else datetime.fromisoformat(told)

    def place(self, reference: str, suffix: str, content: bytes, at: datetime) -> None:
        """Give a handover to the agency; one that it was given already changes nothing. Raises Unavailable, ResultUnknown."""
        staged = self._staging / reference
        try:
            if self.placed_at(reference) is not None:
                return
            _write(staged, content)
            _write(self._sent / reference, at.isoformat().encode())
        except OSError as error:
            raise Unavailable(f"writing a handover: {refused(error)}") from None
        try:
            staged.rename(self._outgoing / f"{reference}{suffix}")
            _flush(self._outgoing)
        except OSError as error:
            raise ResultUnknown(f"placing a handover: {refused(error)}") from None

    def take(self, suffix: str) -> None:
        """Move whole answers out of the agency's reach, so that another one of the same name can't take their place unread."""
        for name in _whole(self._incoming, suffix):
            plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-_NAME_CHARS_MAX:]
            (self._incoming / name).rename(self._reading / f"{time.time_ns()}-{plain}")

    def taken(self) -> list[str]:
        """Answers that are to be told, oldest first."""
        return sorted(name for name in os.listdir(self._reading))

    def content(self, name: str) -> bytes:
        """Of an answer that was taken. Raises TooLong."""
        return _content(self._reading / name)

    def retire(self, names: Iterable[str]) -> None:
        """These are persisted. One that is retired already stays so."""
        for name in names:
            if (self._reading / name).exists():
                (self._reading / name).rename(self._read / name)

    def everything(self, suffix: str) -> Iterator[bytes]:
        """All answers there ever were, as far as they are whole and not too long."""
        paths = [self._incoming / name for name in _whole(self._incoming, suffix)]
        paths += [folder / name for folder in (self._reading, self._read) for name in sorted(os.listdir(folder))]
        for path in paths:
            try:
                yield _content(path)
            except TooLong:
                continue  # told by the feed


def told_name(name: str) -> str:
    """The agency's name of a file that was taken."""
    return name.partition("-")[2]


def _whole(folder: Path, suffix: str) -> list[str]:
    """Files that have their last name. A link may lead anywhere, and is none."""
    with os.scandir(folder) as found:
        named = [entry.name for entry in found if entry.is_file(follow_symlinks=False)]
    return sorted(name for name in named if name.lower().endswith(suffix.lower()) and not name.startswith("."))


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise TooLong
    return content


def _write(path: Path, content: bytes) -> None:
    """The whole file on the disk, or none of this name."""
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in _NO_SUCH_SYNC:
            raise
    finally:
        os.close(opened)


def refused(error: OSError) -> str:
    """What the file system refuses, and in which folder of ours; the agency's names of files may hold anything."""
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    named = [part for part in path.parts if part in _FOLDERS] if path else []
    return f"{named[-1]}: {why}" if named else why
