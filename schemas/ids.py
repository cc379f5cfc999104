"""Ids that follow from what they name, so that the same input always yields the same ids (`escalation.md` 6 and 7)."""

from uuid import UUID, uuid5

NAMESPACE = UUID("5a5a9ba4-71f8-5a3a-9a0e-e93a65592505")
"""uuid5(NAMESPACE_DNS, "mahnlauf")."""


def contract_key(tenant: str, contract: str) -> str:
    """Record key of a contract. A tenant's name contains no slash, a contract's may."""
    return f"{tenant}/{contract}"


def handover_id(key: str, cycle: int, attempt: int) -> str:
    """Id of a handover: uuid5(namespace, "tenant/contract/cycle/attempt")."""
    return str(uuid5(NAMESPACE, f"{key}/{cycle}/{attempt}"))


def output_id(key: str, cycle: int, kind: str, ordinal: int) -> str:
    """Id of an output. `kind` is the envelope's type, `ordinal` counts from 1 per contract, cycle and kind."""
    return str(uuid5(NAMESPACE, f"{key}/{cycle}/{kind}/{ordinal}"))
