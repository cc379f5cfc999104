"""What Debitura demands of a request, by the rules its document tells; fields it does not know are ignored."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

Long = Annotated[str, StringConstraints(max_length=4_000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class DebtorIn(BaseModel):
    type: Literal["Company", "Private"]
    name: Name
    countryAlpha2: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    stateAlpha2: str | None = None
    contactPerson: str | None = None
    companyRegistrationNumber: str | None = None
    address: str | None = None
    zipCode: str | None = None
    city: str | None = None
    state: str | None = None
    email: str | None = None
    phone: str | None = None

    @model_validator(mode="after")
    def _state(self) -> "DebtorIn":
        if self.countryAlpha2 == "US" and not self.stateAlpha2:
            raise ValueError("stateAlpha2 is required for US debtors")
        return self


class CaseIn(BaseModel):
    currencyCode: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    debtor: DebtorIn
    amountToRecover: Annotated[Decimal, Field(gt=0, le=Decimal(10**12))]
    date: dt.datetime | None = None
    dueDate: dt.datetime | None = None
    comments: Long | None = None
    claimDescription: Long | None = None
    creditorReference: Annotated[str, StringConstraints(max_length=50)] | None = None
    isTest: bool = False
    tag: Annotated[str, StringConstraints(max_length=100)] | None = None


class AdvanceIn(BaseModel):
    to: Literal["Active", "Closed:Paid", "Closed:NoPayment"]
    amount: Annotated[Decimal, Field(gt=0, le=Decimal(10**12))] | None = None

    @model_validator(mode="after")
    def _paid(self) -> "AdvanceIn":
        if self.to == "Closed:Paid" and self.amount is None:
            raise ValueError("amount is required")
        return self


class ChatIn(BaseModel):
    message: Annotated[str, StringConstraints(max_length=10_000)]


class WebhookIn(BaseModel):
    """A subscription. Debitura takes public HTTPS addresses only; a sandbox sends within one machine, so plain ones too."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/]", max_length=1_024)]
    events: Annotated[
        list[Literal["case.created", "case.updated", "case.closed", "payment.created", "payment.deleted", "chat.created"]],
        Field(min_length=1),
    ]
    isTestMode: bool = False


def wrong_fields(error: ValidationError) -> dict[str, list[str]]:
    """Field names with their errors; repeats nothing of what was sent."""
    found: dict[str, list[str]] = {}
    for each in error.errors(include_input=False):
        found.setdefault(".".join(map(str, each["loc"])) or "request", []).append(each["msg"])
    return found
