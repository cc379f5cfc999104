"""A contract's state as people may read it: field names, dates and amounts instead of packed arrays. Digests are left out."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

_DIGESTS: Final = frozenset({"seen", "shown"})
_MICROSECONDS: Final = "_us"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def readable(state: msgspec.Struct) -> Mapping[str, Any]:
    """JSON values by name. A time in microseconds `…_us` becomes a moment `…_at`; bytes are told by their number alone."""
    return dict(_field(name, getattr(state, name)) for name in state.__struct_fields__ if name not in _DIGESTS)


def _field(name: str, value: Any) -> tuple[str, Any]:
    if not name.endswith(_MICROSECONDS):
        return name, _plain(value)
    moment = None if value is None else (_EPOCH + timedelta(microseconds=value)).isoformat()
    return name.removesuffix(_MICROSECONDS).removesuffix("_at") + "_at", moment


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return readable(value)
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return f"{len(value)} bytes" if isinstance(value, bytes) else value
