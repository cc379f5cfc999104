"""What paywise demands of a request: "Unknown and read-only request fields are rejected with a validation error" (its client's words)."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Text = Annotated[str, StringConstraints(max_length=2_000)]
Filled = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$")]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MoneyIn(Form):
    value: Amount
    currency: Literal["EUR"] = "EUR"

    @property
    def minor(self) -> int:
        return int(Decimal(self.value) * 100)


class AddressIn(Form):
    street: Filled
    postal_code: Filled
    city: Filled
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    primary: bool | None = None


class ChannelIn(Form):
    type: Literal["email", "phone", "mobile_phone"]
    value: Filled


class BankAccountIn(Form):
    iban: Filled
    bic: Text | None = None
    account_holder: Text | None = None


class PersonIn(Form):
    first_name: Filled
    last_name: Filled
    birth_date: dt.date | None = None
    salutation: Literal["mr", "ms", "mx", ""] | None = None


class OrganizationIn(Form):
    name: Filled
    commercial_register: Text | None = None
    commercial_registration_number: Text | None = None


class DebtorIn(Form):
    acting_as: Literal["consumer", "business"]
    person: PersonIn | None = None
    organization: OrganizationIn | None = None
    legal_form: Text | None = None
    addresses: Annotated[list[AddressIn], Field(max_length=5)] = []
    communication_channels: Annotated[list[ChannelIn], Field(max_length=10)] = []
    bank_accounts: Annotated[list[BankAccountIn], Field(max_length=10)] = []
    your_reference: Text | None = None

    @model_validator(mode="after")
    def _who(self) -> "DebtorIn":
        if self.acting_as == "consumer" and (self.person is None or self.organization is not None):
            raise ValueError("a consumer is a person without organization")
        if (self.person is None) == (self.organization is None):
            raise ValueError("supply exactly one of person or organization")
        if self.addresses and sum(bool(address.primary) for address in self.addresses) != 1:
            raise ValueError("a non-empty list must have exactly one primary address")
        return self


class MetadataIn(Form):
    type: Filled
    value: Text


class ChargeIn(Form):
    type: Literal["reminder_fee", "bank_charge", "research_costs"]
    amount: MoneyIn
    occurrence_date: dt.date | None = None
    subject_matter: Text | None = None
    your_reference: Text | None = None
    metadata: list[MetadataIn] = []


class ReminderIn(Form):
    date: dt.date
    due_date: dt.date | None = None


class BasisIn(Form):
    claim_type_code: Annotated[str, StringConstraints(pattern="^(H[0-9]{2})?$")] | None = None
    contract_date: dt.date | None = None
    description: Text | None = None


class PaymentIn(Form):
    amount: MoneyIn
    value_date: dt.date
    your_reference: Text | None = None
    metadata: list[MetadataIn] = []


class ClaimIn(Form):
    type: Literal["receivable"]
    principal_amount: MoneyIn
    is_disputed: bool
    dispute_reason: Text | None = None
    document_date: dt.date | None = None
    document_reference: Text | None = None
    due_date: dt.date | None = None
    delay_date: dt.date | None = None
    subject_matter: Text | None = None
    your_reference: Text | None = None
    legal_basis: BasisIn | None = None
    additional_charges: Annotated[list[ChargeIn], Field(max_length=50)] = []
    reminders: Annotated[list[ReminderIn], Field(max_length=50)] = []
    payments: Annotated[list[PaymentIn], Field(max_length=50)] = []
    metadata: list[MetadataIn] = []

    @model_validator(mode="after")
    def _days(self) -> "ClaimIn":
        if self.is_disputed != bool((self.dispute_reason or "").strip()):
            raise ValueError("dispute_reason goes with is_disputed")
        if self.due_date and self.document_date and self.due_date < self.document_date:
            raise ValueError("due_date cannot precede document_date")
        self._in_order([*(reminder.date for reminder in self.reminders)])
        return self

    def _in_order(self, reminded: list[dt.date]) -> None:
        first = self.due_date or self.document_date
        if reminded != sorted(reminded) or (first and reminded and reminded[0] < first):
            raise ValueError("reminders stand in order, none before the due date")
        if self.delay_date and first and self.delay_date <= first:
            raise ValueError("delay_date must follow the due date")


class OrderIn(Form):
    type: Literal["invoice"]
    debtor_id: Filled
    claims: Annotated[list[ClaimIn], Field(max_length=50)] = []
    starting_approach: Literal["extrajudicial", "judicial"] | None = None
    creditor_obligation_fulfilled: bool | None = None
    confirmation_email: Text | None = None


class WithdrawIn(Form):
    reason: Annotated[str, StringConstraints(max_length=5_000)] | None = None


class MessageIn(Form):
    title: Filled
    body: Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class AnswerIn(Form):
    text: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    additional_comment: Text | None = None
    booking_date: dt.date | None = None


def problems(error: ValidationError) -> list[dict[str, Any]]:
    """Where the form was filled in wrongly, in paywise's way of naming fields; repeats nothing of what was sent."""
    return [{"code": "invalid", "field": path(each["loc"]), "message": each["msg"]} for each in error.errors(include_input=False)]


def path(parts: tuple[int | str, ...]) -> str | None:
    """`claims[0].principal_amount`; None for the whole."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return text or None
