"""A policy as text: as the file that would say the same, and as the list of what differs from another."""

from typing import Any, NamedTuple

import yaml

from schemas.policy import Policy


class Difference(NamedTuple):
    """One place where two policies differ; None: it is not there. Steps are counted from 1."""

    field: str
    before: Any
    after: Any

    @property
    def told(self) -> str:
        return f"{self.field}: {_told(self.before)} → {_told(self.after)}"


def as_file(policy: Policy) -> str:
    """The policy as a file that `policy apply` reads; what has its default is left out."""
    content = policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    steps = content.pop("steps", [])
    content.pop("policy")
    shown = [{"kind": step.pop("kind"), **step} for step in (_with_kind(policy, place, step) for place, step in enumerate(steps))]
    head = "".join(f"{key}: {_flow(value)}\n" for key, value in {"policy": policy.policy, **content}.items())
    rows = "".join(f"  - {_flow(step)}\n" for step in shown)
    return head + ("steps:\n" + rows if rows else "steps: []\n")


def _with_kind(policy: Policy, place: int, step: dict[str, Any]) -> dict[str, Any]:
    return {"kind": policy.steps[place].kind, **step}


def _flow(value: Any) -> str:
    """On one line, as the strict reading wants it (a scalar alone would end with the sign for the end of a document)."""
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("...\n").strip()


def differences(before: Policy, after: Policy) -> list[Difference]:
    """What differs, in order of the file; a key left out has its default."""
    flat = [_flat(policy.model_dump(mode="json", by_alias=True)) for policy in (before, after)]
    fields = [*flat[0], *(field for field in flat[1] if field not in flat[0])]
    return [Difference(field, flat[0].get(field), flat[1].get(field)) for field in fields if flat[0].get(field) != flat[1].get(field)]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        parts = ((f"{path}.{key}" if path else key, part) for key, part in value.items())
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        parts = ((f"{path}[{place}]", part) for place, part in enumerate(value, start=1))
    else:
        return {path: value}
    return {field: found for part_path, part in parts for field, found in _flat(part, part_path).items()}


def _told(value: Any) -> str:
    return "absent" if value is None else _flow(value)
