"""The beginning of another agency's adapter, written into a checkout: `mahnlauf new-agency`.

Adapter, sandbox, test and page come from the templates beside this file; registry, sandbox and the list of agencies get a line each. It
speaks a format of its own, so that the contract suite passes from the first minute, and all that is left is to replace it.
"""

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Final

TEMPLATES: Final = Path(__file__).parent
FILES: Final[Mapping[str, str]] = {
    "connectors/agencies/{name}/__init__.py": "agency_init",
    "connectors/agencies/{name}/capabilities.py": "capabilities",
    "connectors/agencies/{name}/client.py": "client",
    "connectors/agencies/{name}/mapping.py": "mapping",
    "connectors/sandbox/{name}.py": "sandbox",
    "tests/connectors/test_{name}.py": "test",
    "docs/agency-{name}.md": "page",
}
REGISTRY: Final = "connectors/agencies/registry.py"
SANDBOX: Final = "connectors/sandbox/app.py"
LIST: Final = "docs/agencies.md"
NAME_CHARS_MAX: Final = 20
"""Longer ones would take the generated lines over the line length."""


class NotWritable(ValueError):
    """The skeleton can't be written; the message says what was wrong, where, and what to do. Nothing was written."""


def write(checkout: Path, name: str, taken: frozenset[str]) -> list[Path]:
    """Write the skeleton of agency `name`; `taken` are names there are. Returns what was written, new files first. Raises NotWritable."""
    _require_name(name, taken)
    templates = [path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.tmpl")]
    _require_own_words(name, [*templates, *(_read(checkout, place)[1] for place in (REGISTRY, SANDBOX))])
    texts = {**dict(_new(checkout, name)), **dict(_changed(checkout, name))}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def class_name(name: str) -> str:
    """`north_west` is NorthWest."""
    return "".join(part.capitalize() for part in name.split("_"))


def _require_name(name: str, taken: frozenset[str]) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name) or len(name) > NAME_CHARS_MAX:
        raise NotWritable(f"{name!r} is no name of a package: small letters, digits and _ between them, {NAME_CHARS_MAX} at most")
    if name in taken:
        raise NotWritable(f"there is {name} already")


def _require_own_words(name: str, texts: Iterable[str]) -> None:
    """The class must not be called as something that the files import or define already."""
    if any(re.search(rf"\b{class_name(name)}(Api)?\b", text) for text in texts):
        raise NotWritable(f"{name}: {class_name(name)} means something already in what would be written; choose another name")


def _new(checkout: Path, name: str) -> Iterator[tuple[Path, str]]:
    for place, template in FILES.items():
        path = checkout / place.format(name=name)
        if path.exists() or path.parent.with_suffix(".py").exists():
            raise NotWritable(f"{path} is there already: move it away, or choose another name")
        text = (TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")
        yield path, Template(text).substitute(name=name, Name=class_name(name))


def _changed(checkout: Path, name: str) -> Iterator[tuple[Path, str]]:
    made = class_name(name)
    imported = f"from connectors.agencies.{name}.client import {made}\n"
    path, text = _read(checkout, REGISTRY)
    text = _sorted_in(path, text, imported, r"from connectors\.agencies\..*\n")
    text = _sorted_in(path, text, f'    "{name}": {made},\n', r'    "\w+": [A-Z]\w*,\n')
    yield path, _sorted_in(path, text, f'    "{name}": "/{name}",\n', r'    "\w+": "/\w+",\n')
    path, text = _read(checkout, SANDBOX)
    text = _sorted_in(path, text, f"from connectors.sandbox.{name} import {made}Api\n", r"from connectors\.sandbox\..*\n")
    served = f"        {made}Api(world.days, faults, codes, lambda: world.idempotent),\n"
    yield path, _after_last(path, text, served, r"        \w+Api\(world.*\),\n")
    path, text = _read(checkout, LIST)
    row = f"| [{made}](agency-{name}.md) | nothing yet: the format of the skeleton | no | no | no | no |\n"
    yield path, _after_last(path, text, row, r"\| \[\w+\]\((?:#|agency-)\S+\) \|.*\n")


def _read(checkout: Path, place: str) -> tuple[Path, str]:
    path = checkout / place
    try:
        return path, path.read_text(encoding="utf-8")
    except OSError:
        raise NotWritable(f"{checkout} is no checkout of mahnlauf: it has no {place}; give the right one by --checkout") from None


def _sorted_in(path: Path, text: str, line: str, like: str) -> str:
    """The text with a line where it belongs among the lines like it."""
    found = list(re.finditer(f"^{like}", text, re.MULTILINE))
    before = [each.end() for each in found if each[0] < line]
    return _with(path, text, line, max(before) if before else min((each.start() for each in found), default=None))


def _after_last(path: Path, text: str, line: str, like: str) -> str:
    return _with(path, text, line, max((each.end() for each in re.finditer(f"^{like}", text, re.MULTILINE)), default=None))


def _with(path: Path, text: str, line: str, at: int | None) -> str:
    if at is None:
        raise NotWritable(f"{path}: no place was found for {line.strip()!r}: its lists are not as this release knows them")
    return text[:at] + line + text[at:]
