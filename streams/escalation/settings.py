"""What decides besides facts: tenants, policies and their versions, as broadcasts brought them, and what of it counts for a contract.

Settings are kept as they were published (JSON) and made ready for use once a version (`Rules`).
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from schemas.accounts import Creditor, TenantSettings
from schemas.policy import Policy, Remind, Step
from schemas.timers import PaymentsImportedData, PolicyAppliedData, PolicyWithdrawnData
from streams.escalation.calendar import WorkingDays, zone
from streams.escalation.state import Binding, Contract, Kept, check_version

NO_POLICY = Policy(policy="none", time_zone="UTC", steps=())
"""Stands where there is none: its defaults count, and no step is taken."""
STANDARD = "standard"
"""Name of the policy of a tenant that names none."""


class Version(Kept, frozen=True):
    """One version of a policy; `content` is its JSON."""

    version: int
    at_once: bool
    content: bytes


class Versions(Kept, frozen=True):
    """All versions of a policy, oldest first. Withdrawn: no cycle begins with it any more."""

    versions: tuple[Version, ...]
    withdrawn: bool = False


class TenantState(Kept, frozen=True):
    default_policy: str | None = None
    creditor: bytes | None = None
    time_zone: str | None = None
    country: str | None = None
    subdivision: str | None = None
    policies: dict[str, Versions] = {}  # never changed in place  # noqa: RUF012
    payments_until: date | None = None


class Shared(Kept, frozen=True):
    """Settings of all tenants. `everyone` serves a tenant that has no policy of the name (a replay with policies for all)."""

    tenants: dict[str, TenantState] = {}  # noqa: RUF012
    everyone: TenantState = TenantState()
    last_tick_us: int = -1


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Shared)


def dump_shared(shared: Shared) -> bytes:
    """The settings as bytes."""
    return _ENCODER.encode(shared)


def load_shared(data: bytes, version: int) -> Shared:
    """The settings from their bytes. Raises ValueError for a version that these rules do not know."""
    check_version(version)
    return _DECODER.decode(data)


@dataclass(frozen=True, eq=False)
class Rules:
    """A policy made ready for use. `at_minutes` counts from midnight."""

    steps: tuple[Step, ...]
    working_days: WorkingDays
    working_days_only: bool
    at_minutes: int
    refresh_at_minutes: int
    minimum_open: dict[str, int]
    principal_first: bool
    default: str
    answer_days: int
    zone_name: str | None
    reminds: tuple[bool, ...]
    policy: Policy

    def day(self, step: int) -> int:
        """Unheld days from the due day to step number `step` (0: none)."""
        return self.steps[step - 1].day if step else 0

    def fee(self, step: int, currency: str) -> int:
        """Fee of step number `step` in minor units."""
        chosen = self.steps[step - 1]
        return chosen.fee.get(currency, 0) if isinstance(chosen, Remind) and chosen.fee else 0


@lru_cache(maxsize=4096)
def _rules(content: bytes, country: str | None, subdivision: str | None) -> Rules:
    policy = Policy.model_validate_json(content)
    # The tenant's calendar serves where the policy names none.
    calendar = WorkingDays(policy.calendar.country, policy.calendar.subdivision) if policy.calendar else WorkingDays(country, subdivision)
    return Rules(
        steps=policy.steps,
        working_days=calendar,
        working_days_only=policy.working_days_only,
        at_minutes=_minutes(policy.at),
        refresh_at_minutes=_minutes(policy.refresh_at),
        minimum_open=policy.minimum_open,
        principal_first=policy.settlement == "principal_first",
        default=policy.default,
        answer_days=policy.answer_days,
        zone_name=policy.time_zone,
        reminds=tuple(isinstance(step, Remind) for step in policy.steps),
        policy=policy,
    )


def _minutes(time_of_day: str) -> int:
    """Minutes from midnight."""
    hours, minutes = time_of_day.split(":")
    return 60 * int(hours) + int(minutes)


@lru_cache(maxsize=4096)
def _without_policy(country: str | None, subdivision: str | None) -> Rules:
    return Rules(
        (),
        WorkingDays(country, subdivision),
        True,
        _minutes(NO_POLICY.at),
        _minutes(NO_POLICY.refresh_at),
        {},
        False,
        "first_reminder",
        5,
        None,
        (),
        NO_POLICY,
    )


@lru_cache(maxsize=4096)
def _creditor(content: bytes) -> Creditor:
    return Creditor.model_validate_json(content)


@dataclass(frozen=True, eq=False)
class Terms:
    """What counts for a contract at present. `binding` None: there is no policy for it, and no step is taken."""

    rules: Rules
    binding: Binding | None
    place: ZoneInfo
    creditor: Creditor | None
    policy: str | None
    """The policy that the contract itself was configured with."""
    agency_account: str | None
    debtor_kind: str | None
    country: str | None = None
    payments_until: date | None = None
    """The last booking day whose payments are known, where somebody says so."""


@dataclass(slots=True)
class _Configured:
    policy: str | None = None
    agency_account: str | None = None
    debtor_kind: str | None = None
    time_zone: str | None = None
    country: str | None = None


def _configured(contract: Contract) -> _Configured:
    """What contract.configured set: of several, the last by (`time`, id) counts, key by key."""
    found = _Configured()
    for told in sorted(contract.facts.configurations, key=lambda told: (told.time_us, told.event_id)):
        found.policy = told.policy or found.policy
        found.agency_account = told.agency_account or found.agency_account
        found.debtor_kind = told.debtor_kind or found.debtor_kind
        found.time_zone = told.time_zone or found.time_zone
        found.country = told.country or found.country
    return found


_NO_TENANT = TenantState()
_UNCONFIGURED = _Configured()


class _Known:
    """Terms made before from these settings. It holds them, so that no others can come to have the same identity."""

    def __init__(self, shared: Shared) -> None:
        self.tenants, self.everyone = shared.tenants, shared.everyone
        self.terms: dict[tuple[str, Binding | None], Terms] = {}


_KNOWN: dict[int, _Known] = {}
_KNOWN_MAX = 128
"""More than the partitions that a worker holds: each has settings of its own, and a change makes others."""


def terms(shared: Shared, tenant_name: str, contract: Contract) -> Terms:
    """The terms of a contract by the settings known now."""
    if contract.facts.configurations:
        return _terms(shared, tenant_name, contract)
    known = _KNOWN.get(id(shared.tenants))
    if known is None or known.tenants is not shared.tenants or known.everyone is not shared.everyone:
        if len(_KNOWN) >= _KNOWN_MAX:
            _KNOWN.clear()
        known = _KNOWN[id(shared.tenants)] = _Known(shared)
    found = known.terms.get((tenant_name, contract.binding))
    if found is None:
        found = known.terms[tenant_name, contract.binding] = _terms(shared, tenant_name, contract)
    return found


def _terms(shared: Shared, tenant_name: str, contract: Contract) -> Terms:
    tenant = shared.tenants.get(tenant_name, _NO_TENANT)
    configured = _configured(contract) if contract.facts.configurations else _UNCONFIGURED
    binding, version = _version(shared, tenant, configured.policy, contract)
    rules = (
        _without_policy(tenant.country, tenant.subdivision)
        if version is None
        else _rules(version.content, tenant.country, tenant.subdivision)
    )
    return Terms(
        rules=rules,
        binding=binding,
        place=zone(configured.time_zone or rules.zone_name or tenant.time_zone or "UTC"),
        creditor=_creditor(tenant.creditor) if tenant.creditor is not None else None,
        policy=configured.policy,
        agency_account=configured.agency_account,
        debtor_kind=configured.debtor_kind,
        country=configured.country,
        payments_until=tenant.payments_until,
    )


def policy_versions(shared: Shared, tenant_name: str, policy: str) -> Versions | None:
    """The policy of that name that a new cycle of the tenant may begin with."""
    found = _versions(shared, shared.tenants.get(tenant_name, _NO_TENANT), policy)
    return None if found is None or found.withdrawn else found


def _versions(shared: Shared, tenant: TenantState, policy: str) -> Versions | None:
    own, common = tenant.policies.get(policy), shared.everyone.policies.get(policy)
    if own is None or common is None:
        return own or common
    return Versions((*common.versions, *own.versions), own.withdrawn)


def _version(shared: Shared, tenant: TenantState, configured: str | None, contract: Contract) -> tuple[Binding | None, Version | None]:
    """A cycle keeps the version it began with, unless a later one applies at once; else the latest counts."""
    bound = contract.binding
    if bound is not None and (found := _versions(shared, tenant, bound.policy)) is not None:
        later = [one for one in found.versions if one.version == bound.version or (one.version > bound.version and one.at_once)]
        if later:
            return (bound if later[-1].version == bound.version else Binding(bound.policy, later[-1].version)), later[-1]
    name = configured or tenant.default_policy or shared.everyone.default_policy or STANDARD
    found = _versions(shared, tenant, name)
    if found is None or found.withdrawn:
        return None, None
    return Binding(name, found.versions[-1].version), found.versions[-1]


# --- broadcasts


class SettingsRefused(Exception):
    """A broadcast cannot be applied: `reason` is short and stable, `detail` says what would be right."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def for_everyone(policies: tuple[Policy, ...]) -> TenantState:
    """Policies that count for every tenant, the first as the default: version 0, before those a tenant counts."""
    if not policies:
        return TenantState()
    return TenantState(
        default_policy=policies[0].policy,
        policies={policy.policy: Versions((_version_of(policy, 0),)) for policy in policies},
    )


def _version_of(policy: Policy, number: int) -> Version:
    return Version(number, policy.applies == "at_once", policy.model_dump_json(by_alias=True).encode())


def policy_applied(shared: Shared, data: PolicyAppliedData) -> Shared:
    """A new version of a policy. Raises SettingsRefused."""
    if data.content.policy != data.policy:
        raise SettingsRefused("invalid", f"policy {data.policy}: its content is named {data.content.policy}")
    tenant = shared.tenants.get(data.tenant, _NO_TENANT)
    known = tenant.policies.get(data.policy, Versions(()))
    added = _version_of(data.content, data.version)
    if any(one == added for one in known.versions) and not known.withdrawn:
        return shared
    if known.versions and data.version <= known.versions[-1].version:
        raise SettingsRefused(
            "version taken", f"policy {data.policy}: version {data.version} does not come after version {known.versions[-1].version}"
        )
    return _with_policy(shared, data.tenant, data.policy, Versions((*known.versions, added)))


def policy_withdrawn(shared: Shared, data: PolicyWithdrawnData) -> Shared:
    """No cycle begins with the policy any more; open ones keep theirs."""
    known = shared.tenants.get(data.tenant, _NO_TENANT).policies.get(data.policy)
    if known is None or known.withdrawn:
        return shared
    return _with_policy(shared, data.tenant, data.policy, replace(known, withdrawn=True))


def _with_policy(shared: Shared, tenant_name: str, policy: str, versions: Versions) -> Shared:
    tenant = shared.tenants.get(tenant_name, _NO_TENANT)
    return _with_tenant(shared, tenant_name, replace(tenant, policies={**tenant.policies, policy: versions}))


def _with_tenant(shared: Shared, tenant_name: str, tenant: TenantState) -> Shared:
    if shared.tenants.get(tenant_name) == tenant:
        return shared
    return replace(shared, tenants={**shared.tenants, tenant_name: tenant})


def tenant_configured(shared: Shared, data: TenantSettings) -> Shared:
    """A tenant's settings, all of them: what is absent is not set."""
    tenant = shared.tenants.get(data.tenant, _NO_TENANT)
    changed = replace(
        tenant,
        default_policy=data.default_policy,
        creditor=data.creditor.model_dump_json().encode() if data.creditor else None,
        time_zone=data.time_zone,
        country=data.calendar.country if data.calendar else None,
        subdivision=data.calendar.subdivision if data.calendar else None,
    )
    return _with_tenant(shared, data.tenant, changed)


def payments_imported(shared: Shared, data: PaymentsImportedData) -> Shared:
    """Up to which booking day payments are known; the latest counts."""
    tenant = shared.tenants.get(data.tenant, _NO_TENANT)
    if tenant.payments_until is not None and data.until <= tenant.payments_until:
        return shared
    return _with_tenant(shared, data.tenant, replace(tenant, payments_until=data.until))
