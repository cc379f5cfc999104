"""A line of `escalation.policies` in a file of events: a policy version, with the `time` from which it counts beside the policy's keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import msgspec
from pydantic import ValidationError

from mahnlauf import lines
from mahnlauf.configuration import apply_policy, withdraw_policy
from schemas.policy import Policy
from streams.engine.cluster import Connection


class PolicyLineError(ValueError):
    """The line holds no policy; the message names the field and what would be right."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """`content` None withdraws the policy. `at_ms` None: the line names no time. A `version` that an export wrote is not read:
    versions are counted by the cluster they are applied to."""

    tenant: str
    policy: str
    content: Policy | None
    at_ms: int | None

    @property
    def counts_from_the_beginning(self) -> bool:
        """Whether it comes before all events: a version without a time. (A withdrawal without one keeps its place in the file.)"""
        return self.content is not None and self.at_ms is None

    @classmethod
    def read(cls, line: lines.Line) -> Self:
        """Raises PolicyLineError."""
        tenant, slash, name = (line.key or b"").decode(errors="replace").partition("/")
        if not (tenant and slash and name):
            raise PolicyLineError("the key of a policy is <tenant>/<policy>")
        if line.value is None:
            return cls(tenant, name, None, None)
        fields = _fields(line.value)
        fields.pop("version", None)
        at_ms = _time(fields.pop("time")) if "time" in fields else None
        try:
            content = Policy.model_validate_json(msgspec.json.encode(fields))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise PolicyLineError(f"value.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
        if content.policy != name:
            raise PolicyLineError(f"the key names policy {name!r}, the value {content.policy!r}: they must be the same")
        return cls(tenant, name, content, at_ms)

    async def apply(self, connection: Connection, at: datetime) -> None:
        """Put it on the cluster. Raises EngineError, ClusterWrong."""
        if self.content is None:
            await withdraw_policy(connection, self.tenant, self.policy, at)
        else:
            await apply_policy(connection, self.tenant, self.content, at)


def _fields(value: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise PolicyLineError(f"the value of a policy is a JSON object: {error}") from None


def _time(value: Any) -> int:
    found = lines.moment_ms(value) if isinstance(value, str) else None
    if found is None:
        raise PolicyLineError("value.time: must be a moment written YYYY-MM-DDThh:mm:ss with an offset (RFC 3339)")
    return found
