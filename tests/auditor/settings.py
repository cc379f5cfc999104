"""Which policy a contract follows: every version that was applied, in order, and what the contract made of it (sections 1 and 4)."""

from dataclasses import dataclass, field
from datetime import date

from schemas.accounts import TenantSettings
from schemas.policy import Policy


@dataclass
class Settings:
    """What broadcasts said so far: policy versions in order of application, and each tenant's latest settings."""

    versions: list[tuple[str, Policy]] = field(default_factory=list)
    tenants: dict[str, TenantSettings] = field(default_factory=dict)
    payments_until: dict[str, date] = field(default_factory=dict)

    def apply(self, tenant: str, policy: Policy) -> None:
        self.versions.append((tenant, policy))

    def newest(self, tenant: str, name: str) -> int | None:
        """Number of the newest version of a policy."""
        found = [number for number, (owner, policy) in enumerate(self.versions) if owner == tenant and policy.policy == name]
        return found[-1] if found else None

    def default_name(self, tenant: str) -> str:
        settings = self.tenants.get(tenant)
        return settings.default_policy if settings is not None and settings.default_policy is not None else "standard"

    def with_calendar(self, tenant: str, policy: Policy) -> Policy:
        """A policy without a calendar has the tenant's."""
        settings = self.tenants.get(tenant)
        if settings is None or settings.calendar is None or policy.calendar is not None:
            return policy
        return policy.model_copy(update={"calendar": settings.calendar})

    def pinned(self, tenant: str, number: int) -> Policy:
        """The version a cycle began with, or a later one of its name that says `at_once`."""
        name = self.versions[number][1].policy
        for owner, policy in self.versions[number + 1 :]:
            if owner == tenant and policy.policy == name and policy.applies == "at_once":
                number = self.versions.index((owner, policy), number + 1)
        return self.versions[number][1]
