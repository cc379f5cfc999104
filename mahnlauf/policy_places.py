"""Where a policy is: in a file, or on the cluster as `tenant/policy`, or `tenant/policy@2` for one of its versions."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mahnlauf.configuration import broadcast_versions, policies_in_force, policy_key
from mahnlauf.failures import BadInput
from mahnlauf.policy_file import read_policy
from schemas.policy import Policy
from streams.engine.cluster import Connection

_ON_CLUSTER = re.compile(r"([^/@]+)/([^/@]+)(?:@([1-9][0-9]*))?")


@dataclass(frozen=True, slots=True)
class OnCluster:
    """`version` None: the one in force."""

    tenant: str
    policy: str
    version: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadInput."""
        found = _ON_CLUSTER.fullmatch(text)
        if found is None:
            raise BadInput(f"{text}: a policy on the cluster is written tenant/policy or tenant/policy@version, such as acme/standard@2")
        return cls(found[1], found[2], int(found[3]) if found[3] else None)

    async def find(self, connection: Connection) -> tuple[Policy, int]:
        """Raises BadInput if there is none, ClusterWrong, EngineError."""
        if self.version is None:
            return await self._in_force(connection)
        versions = await broadcast_versions(connection, self.tenant, self.policy)
        for one in versions:
            if one.version == self.version:
                return one.content, one.version
        known = ", ".join(str(one.version) for one in versions) or "none"
        raise BadInput(f"{self.tenant}/{self.policy} has no version {self.version}; there were: {known}")

    async def _in_force(self, connection: Connection) -> tuple[Policy, int]:
        policies = await policies_in_force(connection)
        key = policy_key(self.tenant, self.policy)
        if key not in policies:
            known = ", ".join(policies) or "none"
            raise BadInput(f"{key}: no such policy is in force; there are: {known} (mahnlauf policy show {key}@1 shows a withdrawn one)")
        return policies[key]


def is_file(text: str) -> bool:
    """Whether a place names a file rather than the cluster."""
    return Path(text).suffix in (".yaml", ".yml") or Path(text).is_file() or _ON_CLUSTER.fullmatch(text) is None


def of_file(text: str) -> Policy:
    """The policy in that file. Raises WrongFile."""
    return read_policy(Path(text))
