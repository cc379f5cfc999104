"""What mediafinanz's REST demands of a new claim, by its public example: names, lengths, and what must not be missing."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

Short = Annotated[str, StringConstraints(max_length=200)]
Needed = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Amount = Annotated[Decimal, Field(ge=0, le=Decimal(10**12))]


class AddressIn(BaseModel):
    Annex: Short = ""
    Street: Needed
    PostalCode: Needed
    City: Needed
    CountryCode: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    Validity: Literal[0, 1] = 1


class CommunicationIn(BaseModel):
    Means: Annotated[int, Field(ge=1, le=5)]
    Type: Annotated[int, Field(ge=1, le=2)]
    Value: Needed
    Validity: Literal[0, 1] = 1


class DebtorIn(BaseModel):
    LegalForm: Short | None = None
    PersonType: Literal[1, 2]
    Company: Short = ""
    LastName: Short = ""
    FirstName: Short = ""
    BirthDate: dt.date | None = None
    PostalAddress: AddressIn
    AlternateAddress: AddressIn | None = None
    Communications: list[CommunicationIn] = []


class PositionIn(BaseModel):
    Number: Needed
    Value: Amount
    Date: dt.date
    Remark: Short = ""


class ClaimIn(BaseModel):
    Amount: Annotated[Decimal, Field(gt=0, le=Decimal(10**12))]
    ContractDate: dt.date
    ContractualItemCatalogueNo: Short
    ContractualCondition: int
    OriginalCreatorName: Short | None = None
    Reason: Needed
    PrincipalClaim: PositionIn
    DunningCosts: PositionIn | None = None


class CaseIn(BaseModel):
    ClientCustomerRefNo: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    PartnerNo: int | None = None
    Stage: Literal["V"]
    Debtor: DebtorIn
    Claim: ClaimIn
    Memo: Annotated[str, StringConstraints(max_length=200)] = ""


def wrong_fields(error: ValidationError) -> list[dict[str, Any]]:
    """aValidationResult; repeats nothing of what was sent."""
    return [wrong(".".join(map(str, each["loc"])) or "body", each["type"]) for each in error.errors(include_input=False)]


def wrong(name: str, code: str) -> dict[str, Any]:
    return {"name": name, "code": code, "value": "", "in": "body", "pattern": ""}
