"""What the core refuses as `not supported yet`: lives leave it out, and begin to tell of it as soon as the rule is there."""

from streams.escalation import supported

_EVENTS: frozenset[str] = getattr(supported, "EVENTS", frozenset())
_POLICY_KEYS: tuple[str, ...] = tuple(getattr(supported, "POLICY_KEYS", ()))
_STEP_KEYS: tuple[str, ...] = tuple(getattr(supported, "STEP_KEYS", ()))
_STEP_KINDS: frozenset[str] | None = getattr(supported, "STEP_KINDS", None)


def event(kind: str) -> bool:
    """Events of this type are applied."""
    return kind not in _EVENTS


def policy_key(name: str) -> bool:
    """A policy may say other than the default."""
    return name not in _POLICY_KEYS


def step_key(name: str) -> bool:
    return name not in _STEP_KEYS


def step_kind(kind: str) -> bool:
    return _STEP_KINDS is None or kind in _STEP_KINDS
