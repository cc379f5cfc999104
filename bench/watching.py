"""What a benchmark sees of other processes from outside: their CPU, and their connections to a broker (Linux: /proc)."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_ESTABLISHED: Final = "01"


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mib(pid: int) -> float:
    """What it has in memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def connections(pid: int, ports: Collection[int]) -> int:
    """Established TCP connections of a process to one of `ports`."""
    own = {_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return len(own & {f"socket:[{inode}]" for inode in _inodes(Path("/proc/net/tcp").read_text(), ports)})


def _inodes(table: str, ports: Collection[int]) -> set[str]:
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[9] for row in rows if row[3] == _ESTABLISHED and int(row[2].rpartition(":")[2], 16) in ports}


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""
