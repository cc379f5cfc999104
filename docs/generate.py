"""Writes what the documentation draws from the code: JSON Schemas, the AsyncAPI document, transitions, the table of faults; `make docs`."""

import json
import re
from pathlib import Path
from typing import Any, Final

from docs import diagram, faults
from schemas.documents import asyncapi, json_schemas

DOCS: Final = Path(__file__).parent
CONTRACT_VERSION: Final = "1.0.0"
"""Version of the public contract: the second number is raised with each addition, the first with what breaks a reader."""
_DRAWN: Final = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)
"""Where a page takes something drawn: what stands between the marks is replaced."""


def documents() -> dict[Path, str]:
    """Every generated file with its text, by path relative to `docs/`."""
    files = {Path("schemas") / f"{name}.json": _json(schema) for name, schema in json_schemas().items()}
    files[Path("asyncapi.json")] = _json(asyncapi(CONTRACT_VERSION))
    for page in ("how-it-works.md", "guarantees.md"):
        files[Path(page)] = _drawn((DOCS / page).read_text(encoding="utf-8"))
    return files


def _drawn(page: str) -> str:
    pieces = {"flowchart": diagram.flowchart, "transitions": diagram.table, "faults": faults.table}
    return _DRAWN.sub(lambda mark: mark[1] + pieces[mark[2]]() + mark[3], page)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for path, text in documents().items():
        target = DOCS / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
