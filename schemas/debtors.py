"""Person data: `billing.debtors`, the only topic on which it stands in the clear (`events.md`, In)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from schemas.envelope import ContractEnvelope
from schemas.fields import Day, DebtorKind, Id, Name, Value


class Address(Value):
    """`source` says where the creditor has it from (RDG 13a)."""

    street: Name
    postal_code: Name | None = None
    city: Name
    country: Name
    source: Name | None = None


class DebtorDescribedData(Value):
    """A business has `company`, a consumer `first_name` and `last_name`."""

    kind: DebtorKind
    company: Name | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    birth_date: Day | None = None
    addresses: tuple[Address, ...] = ()
    emails: tuple[Name, ...] = ()
    phones: tuple[Name, ...] = ()
    iban: Name | None = None
    customer_id: Id | None = None


class DebtorDescribed(ContractEnvelope):
    """A later one replaces an earlier one; a record without a value erases the debtor."""

    type: Literal["debtor.described"]
    data: DebtorDescribedData


DebtorEvent: TypeAlias = Annotated[DebtorDescribed, Field()]
