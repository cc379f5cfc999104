"""YAML read strictly, with the line of every value: what YAML would silently turn into something else is an error that says so.

YAML 1.1 reads 12:00 as 720, NO as false, 010 as 8 and keeps the last of two equal keys. In a file that decides when people get letters
each of these is refused with the line and what to write instead.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Loc: TypeAlias = tuple[int | str, ...]
"""Where a value stands: keys, and positions in lists counted from 0."""

_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")
_PLAIN_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a file. `line` counts from 1."""

    line: int
    loc: Loc
    words: str

    def told(self, path: Path | str) -> str:
        where = dotted(self.loc)
        return f"{path}:{self.line}: {where}: {self.words}" if where else f"{path}:{self.line}: {self.words}"


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain JSON values, with the line of each place; `mistakes` are those of YAML itself."""

    value: Any
    lines: dict[Loc, int]
    mistakes: tuple[Mistake, ...]

    def line_of(self, loc: Loc) -> int:
        """The line of `loc`, else of the nearest place around it that is there."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)


def dotted(loc: Loc) -> str:
    """`steps[2].day`: positions counted from 1, as people count."""
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str) -> Document:
    """Read one document. What isn't YAML at all is a Document without value and with one mistake."""
    try:
        alias = _first_alias(text)
        root = yaml.compose(text, yaml.SafeLoader) if alias is None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _unreadable(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")
    except yaml.YAMLError as error:  # a character that may not stand in YAML
        return _unreadable(1, f"not YAML: {str(error).splitlines()[0]}")
    if alias is not None:
        return _unreadable(alias, "aliases (*name) are not read here: write the value out")
    if root is None:
        return _unreadable(1, "the file is empty")
    reading = _Reading()
    value = reading.value(root, ())
    return Document(value, reading.lines, tuple(reading.mistakes))


def _unreadable(line: int, words: str) -> Document:
    return Document(None, {}, (Mistake(line, (), words),))


def _first_alias(text: str) -> int | None:
    """Aliases could make a small file endless, and nobody needs them in one of these."""
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            return event.start_mark.line + 1 if event.start_mark else 1
    return None


class _Reading:
    """One walk over the nodes of a document."""

    def __init__(self) -> None:
        self.lines: dict[Loc, int] = {}
        self.mistakes: list[Mistake] = []

    def value(self, node: yaml.Node, loc: Loc) -> Any:
        self.lines.setdefault(loc, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, (*loc, position)) for position, part in enumerate(node.value)]
        return self._scalar(node, loc)

    def _mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, loc, line)
            if key is None:
                continue
            if key in found:
                self._wrong(line, (*loc, key), f"stands here twice, first in line {self.lines[*loc, key]}: keep one of them")
                continue
            self.lines[*loc, key] = line
            found[key] = self.value(value_node, (*loc, key))
        return found

    def _key(self, node: yaml.Node, loc: Loc, line: int) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        told = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"
        self._wrong(line, loc, f"the key {told} is no text: write it in quotes if it is meant")
        return None

    def _scalar(self, node: yaml.Node, loc: Loc) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        read = _SCALARS.get(kind)
        if read is None:
            return self._wrong(node.start_mark.line + 1, loc, f"{node.tag} is not read here: write a plain value")
        value, mistake = read(text)
        return self._wrong(node.start_mark.line + 1, loc, mistake) if mistake else value

    def _wrong(self, line: int, loc: Loc, words: str) -> None:
        self.mistakes.append(Mistake(line, loc, words))


def _text(text: str) -> tuple[Any, str]:
    return text, ""


def _integer(text: str) -> tuple[Any, str]:
    if _PLAIN_NUMBER.fullmatch(text):
        return int(text), ""
    if ":" in text:
        return None, f'YAML reads {text} as a number of minutes or seconds: write "{text}" in quotes'
    return None, f'{text} is no plain number: write it in decimal digits without leading zeros, or "{text}" in quotes if text is meant'


def _float(text: str) -> tuple[Any, str]:
    if ":" in text:
        return None, f'YAML reads {text} as a number: write "{text}" in quotes'
    return None, f'{text} has a fraction: amounts are whole minor units, and a percentage is written "{text}" in quotes'


def _truth(text: str) -> tuple[Any, str]:
    if text in ("true", "false"):
        return text == "true", ""
    return None, f'YAML reads {text} as a truth value: write true or false, or "{text}" in quotes if text is meant'


def _moment(text: str) -> tuple[Any, str]:
    if _PLAIN_DAY.fullmatch(text):
        return text, ""
    return None, f'{text} is read as a moment: write a day as YYYY-MM-DD, or "{text}" in quotes if text is meant'


def _nothing(_text: str) -> tuple[Any, str]:
    return None, "has no value: give it one, or leave the key out"


_SCALARS = {"str": _text, "int": _integer, "float": _float, "bool": _truth, "timestamp": _moment, "null": _nothing}
