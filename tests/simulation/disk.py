"""The local stores of a world's workers: RocksDB itself, in folders as a crash leaves them.

A killed process keeps its folder open as long as the world lasts, so whoever comes after it gets a copy of what had been written by then,
as the operating system would keep it. Or something happened to it meanwhile: the folder is lost, a file of it is cut short, or an older one
was put back.
"""

import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

_KEPT = 0.6
"""How often a folder is found as it was left."""
_NOT_CUT = ("MANIFEST", "LOG", "LOCK", "IDENTITY", "OPTIONS")
"""RocksDB makes sure of the first before anything relies on it; the others hold no state."""


class Disk:
    """`folder` gives each process that begins its own. `told` counts what happened to folders; `remove` at the end."""

    def __init__(self, seed: int) -> None:
        self.told: Counter[str] = Counter()
        self._chance = random.Random(f"{seed} disk")
        self._root = Path(tempfile.mkdtemp(prefix="mahnlauf-simulation-"))
        self._folders: dict[str, list[Path]] = {}

    def folder(self, name: str) -> Path:
        """Where the process that begins now as `name` keeps its stores."""
        earlier = self._folders.setdefault(name, [])
        folder = self._root / name / str(len(earlier))
        if earlier and self._chance.random() < _KEPT:
            self._copy(earlier[-1], folder)
        elif earlier:
            happened = self._chance.choice(("store_lost", "store_cut_short", "store_put_back"))
            self.told[happened] += 1
            if happened == "store_cut_short":
                self._copy(earlier[-1], folder)
                self._cut(folder)
            elif happened == "store_put_back":
                self._copy(self._chance.choice(earlier), folder)
        earlier.append(folder)
        return folder

    def remove(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)

    @staticmethod
    def _copy(left: Path, folder: Path) -> None:
        if left.exists():
            shutil.copytree(left, folder, ignore=shutil.ignore_patterns("LOCK"))

    def _cut(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(_NOT_CUT))
        if files:
            chosen = self._chance.choice(files)
            with chosen.open("r+b") as file:
                file.truncate(self._chance.randrange(chosen.stat().st_size + 1))
