"""Ids that follow from what they name (section 7)."""

from uuid import UUID, uuid5

NAMESPACE = UUID("5a5a9ba4-71f8-5a3a-9a0e-e93a65592505")


def made_of(*parts: object) -> str:
    return str(uuid5(NAMESPACE, "/".join(str(part) for part in parts)))
