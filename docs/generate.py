"""Writes what the documentation draws from the code: JSON Schemas and the AsyncAPI document. `make docs` runs it."""

import json
from pathlib import Path
from typing import Any

from schemas.documents import asyncapi, json_schemas

DOCS = Path(__file__).parent
CONTRACT_VERSION = "1.0.0"
"""Version of the public contract: the second number is raised with each addition, the first with what breaks a reader."""


def documents() -> dict[Path, str]:
    """Every generated file with its text, by path relative to `docs/`."""
    files = {Path("schemas") / f"{name}.json": _json(schema) for name, schema in json_schemas().items()}
    files[Path("asyncapi.json")] = _json(asyncapi(CONTRACT_VERSION))
    return files


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for path, text in documents().items():
        target = DOCS / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
