"""contract.configured: which policy, zone and agency account a contract follows of its own (sections 3, 4 and 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from schemas.billing import ContractConfigured

if TYPE_CHECKING:
    from tests.auditor.case import Contract


def configure(contract: Contract, event: ContractConfigured) -> None:
    """Of several configurations the last by (`time`, id) counts, field by field; an unknown policy is ignored."""
    contract.configured.append(event)
    if event.data.policy is not None:
        unknown = contract.settings.newest(contract.tenant, event.data.policy) is None
        contract.attention.follow("policy_missing", {event.data.policy} if unknown else set())
        if unknown:
            contract.unknown_policies.add(event.id)
    zone = contract.zone_name()
    for told in sorted(contract.configured, key=lambda one: (one.time, one.id)):
        _follow(contract, told)
    if contract.zone_name() != zone:
        contract.facts.move_to_zone(contract.local)
        contract.decided.write_offs = [
            one if one.time is None else replace(one, dated=contract.local(one.time)) for one in contract.decided.write_offs
        ]
    if contract.begun and contract.policy_name not in (None, contract.policy().policy):
        contract.pinned = contract.settings.newest(contract.tenant, contract.policy_in_use())


def _follow(contract: Contract, told: ContractConfigured) -> None:
    data = told.data
    contract.zone = data.time_zone or contract.zone
    contract.account = data.agency_account or contract.account
    contract.country, contract.debtor_kind = data.country or contract.country, data.debtor_kind or contract.debtor_kind
    if data.policy is not None and told.id not in contract.unknown_policies:
        contract.policy_name = data.policy
