"""The policy file and the tenant file: read strictly, every mistake told with file, line, key and what would be right.

The rules of the content are those of the models (`schemas.policy`, `schemas.accounts`); this module says where in the file each mistake
stands. All mistakes are told at once, because a person mends a file once rather than five times.
"""

import difflib
import json
import re
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mahnlauf import yaml_lines
from mahnlauf.failures import BadInput
from mahnlauf.yaml_lines import Document, Loc, Mistake
from schemas.accounts import Creditor, TenantSettings
from schemas.policy import Policy, Strict

FILE_MAX_BYTES: Final = 256 * 1024
"""A policy is one event on Kafka, and an event has at most that (`schemas.codec`)."""

_TIME_OF_DAY = 'must be a time of day in quotes, such as "08:00"'
_AMOUNTS = "must be amounts in minor units by currency, such as {EUR: 500}"
_HINTS: Final = {
    "at": _TIME_OF_DAY,
    "refresh_at": _TIME_OF_DAY,
    "percent": 'must be a percentage in quotes, such as "8.5"',
    "starts_on": "must be a day, such as 2026-01-01",
    "minimum_open": _AMOUNTS,
    "minimum": _AMOUNTS,
    "fee": _AMOUNTS,
    "tenant": "must be a name without a slash",
}
"""Where pydantic would quote a pattern, what would be right in words; by key."""
_OF_FORM: Final = frozenset({"string_pattern_mismatch", "string_type", "value_error", "dict_type"})
_NO_KIND: Final = frozenset({"union_tag_not_found", "union_tag_invalid"})
_STEP: Final = re.compile(r"step (\d+)\b")
"""The ladder's own errors are about a whole policy and begin with the number of the step."""


class WrongFile(BadInput):
    """A file cannot be used; the message has a line for each mistake."""


class _CreditorInFile(Creditor, Strict):
    """As `Creditor`, but a misspelt key is a mistake."""


class _TenantFile(TenantSettings, Strict):
    """As `TenantSettings`, but a misspelt key is a mistake."""

    creditor: _CreditorInFile | None = None


Model = TypeVar("Model", bound=BaseModel)


def read_policy(path: Path) -> Policy:
    """The policy in `path` (`escalation.md` 8). Raises WrongFile."""
    return read_policy_with_lines(path)[0]


def read_policy_with_lines(path: Path) -> tuple[Policy, Document]:
    """As `read_policy`, and where in the file everything stands."""
    return _read(_text(path), str(path), Policy)


def policy_in(text: str, name: str) -> tuple[Policy, Document]:
    """As `read_policy_with_lines`, from a text that `name` tells apart. Raises WrongFile."""
    if len(text.encode()) > FILE_MAX_BYTES:
        raise WrongFile(f"{name}: at most {FILE_MAX_BYTES} bytes are read")
    return _read(text, name, Policy)


def read_tenant(path: Path) -> TenantSettings:
    """The tenant's settings in `path`: tenant, default_policy?, creditor?, time_zone?, calendar?. Raises WrongFile."""
    settings, _ = _read(_text(path), str(path), _TenantFile)
    return TenantSettings.model_validate_json(settings.model_dump_json())


def _read(text: str, name: str, model: type[Model]) -> tuple[Model, Document]:
    document = yaml_lines.read(text)
    mistakes = list(document.mistakes)
    if not mistakes and not isinstance(document.value, dict):
        mistakes.append(Mistake(1, (), f"must be keys and values, beginning with {next(iter(model.model_fields))}: …"))
    if mistakes:  # a value that YAML misread would be reported a second time, in less helpful words
        raise _wrong(name, mistakes)
    try:
        return model.model_validate_json(json.dumps(document.value)), document
    except ValidationError as error:
        raise _wrong(name, [_mistake(document, problem, model) for problem in error.errors(include_url=False)]) from None


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > FILE_MAX_BYTES:
            raise WrongFile(f"{path}: {len(content)} bytes; at most {FILE_MAX_BYTES} are read")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise WrongFile(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise WrongFile(f"{path}:{line}: not UTF-8: save the file as UTF-8") from None


def _wrong(name: str, mistakes: list[Mistake]) -> WrongFile:
    return WrongFile("\n".join(mistake.told(name) for mistake in sorted(mistakes, key=lambda found: found.line)))


def _mistake(document: Document, problem: ErrorDetails, model: type[BaseModel]) -> Mistake:
    loc = _in_file(document, problem["loc"])
    if problem["type"] == "missing":
        loc = (*loc, problem["loc"][-1])
    if problem["type"] in _NO_KIND:
        loc = (*loc, "kind")
    if problem["type"] == "value_error" and not loc and (step := _STEP.match(_own_words(problem))):
        loc = ("steps", int(step[1]) - 1)
    return Mistake(document.line_of(loc), loc, _words(problem, loc, _keys_known(model, problem["loc"][:-1])))


def _in_file(document: Document, loc: tuple[int | str, ...]) -> Loc:
    """pydantic's place without the parts that name a choice (`remind` of a step) or a key (`[key]`), which are not in the file."""
    found: Loc = ()
    for part in loc:
        if (*found, part) in document.lines:
            found = (*found, part)
    return found


def _own_words(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _words(problem: ErrorDetails, loc: Loc, known: list[str]) -> str:
    kind, name = problem["type"], str(loc[-1]) if loc else ""
    if kind in ("missing", "union_tag_not_found"):
        return "missing; it is required"
    if kind == "union_tag_invalid":
        return f"must be one of {problem['ctx']['expected_tags']}"
    if kind == "extra_forbidden":
        return _unknown(name, known)
    if kind in _OF_FORM and name in _HINTS:
        return _HINTS[name]
    if problem["loc"] and problem["loc"][-1] == "[key]":
        return f"{problem['input']!r} is no currency: write a code of three capitals, such as EUR"
    return _own_words(problem).replace("Input should be", "must be").replace("String should", "must")


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"unknown key; {f'did you mean {near[0]}? ' if near else ''}known here: {', '.join(known)}"


def _keys_known(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at `loc`, from the model's JSON Schema (whose choices are named as in pydantic's places)."""
    schema = model.model_json_schema()
    here = schema
    for part in loc:
        here = _inside(here, part, schema)
    return sorted(_resolved(here, schema).get("properties", {}))


def _inside(here: dict[str, Any], part: int | str, schema: dict[str, Any]) -> dict[str, Any]:
    here = _resolved(here, schema)
    if isinstance(part, int):
        return dict(here.get("items", {}))
    chosen = here.get("discriminator", {}).get("mapping", {}).get(part)
    return {"$ref": chosen} if chosen else dict(here.get("properties", {}).get(part, {}))


def _resolved(here: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; of `X or nothing`, X."""
    while True:
        choices = [choice for choice in here.get("anyOf", ()) if choice.get("type") != "null"]
        if choices:
            here = choices[0]
        elif "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[1]]
        else:
            return here
