"""The kinds of values that events are made of: ids, amounts, days, moments, open lists.

Everything is read strictly: an amount is a JSON integer in minor units, a day is `YYYY-MM-DD`, a moment is RFC 3339 with an offset.
Open lists take an unknown value as `other`; closed lists are plain `Literal`s where they are used.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

AMOUNT_MAX_MINOR = 2**53 - 1
"""Largest amount: the largest integer that every JSON reader keeps exactly."""
ID_MAX_LENGTH = 256
"""Longest id: keys and ids are kept in every state; a longer one is a mistake upstream, not an id."""

Id: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX_LENGTH)]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX_LENGTH)]
Tenant: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX_LENGTH, pattern=r"^[^/]+$")]
TEXT_MAX_LENGTH = 16_384
"""Longest text in the clear: some pages; what is longer is a document, not a message."""
SEALED_MAX_LENGTH = 90_000
"""Longest sealed text: the longest text in UTF-8 (four bytes a character) in base64, with its key's id."""
_SEALED_FORM = re.compile(r"v1\.[0-9a-f]{16}\.[A-Za-z0-9_-]+")

Text: TypeAlias = Annotated[str, StringConstraints(max_length=TEXT_MAX_LENGTH)]


def _no_longer_than_a_text(value: str) -> str:
    if len(value) > TEXT_MAX_LENGTH and not is_sealed(value):
        raise ValueError(f"a text has at most {TEXT_MAX_LENGTH} characters; only a sealed one may be longer")
    return value


def is_sealed(text: str) -> bool:
    """Whether this has the form of a sealed text: `v1.<key id>.<base64url>`."""
    return _SEALED_FORM.fullmatch(text) is not None


SealedText: TypeAlias = Annotated[str, StringConstraints(max_length=SEALED_MAX_LENGTH), AfterValidator(_no_longer_than_a_text)]
"""Free text that may name people: sealed as Kafka carries it, or, from a publisher who has put it there so, in the clear."""

Currency: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor: TypeAlias = Annotated[int, Field(ge=0, le=AMOUNT_MAX_MINOR)]
PositiveMinor: TypeAlias = Annotated[int, Field(gt=0, le=AMOUNT_MAX_MINOR)]
SignedMinor: TypeAlias = Annotated[int, Field(ge=-AMOUNT_MAX_MINOR, le=AMOUNT_MAX_MINOR)]


def _written_as_day(value: Any) -> Any:
    """pydantic would also read numbers, and numbers in quotes, as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and len(value) == 10 and value[4] == "-"):
        return value
    raise ValueError("must be a day written YYYY-MM-DD")


def _written_as_moment(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-"):
        return value
    raise ValueError("must be a moment written YYYY-MM-DDThh:mm:ss with an offset (RFC 3339)")


DAY_MIN, DAY_MAX = date(1900, 1, 1), date(2199, 12, 31)
"""Days that can be meant: inside, every sum of a day and a policy's days stays a valid date."""
MOMENT_MIN, MOMENT_MAX = datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)
"""Moments that can be meant: a record timestamp cannot be negative."""


def _between(first: date, last: date) -> Any:
    """Bounds of a day or a moment; JSON Schema has none for them, but its readers know these names."""
    told: dict[str, Any] = {"formatMinimum": first.isoformat(), "formatMaximum": last.isoformat()}
    return Field(strict=False, ge=first, le=last, json_schema_extra=told)


# The bounds stand before the check of the writing: so they are checked together with the value, and not by a call each.
Day: TypeAlias = Annotated[date, _between(DAY_MIN, DAY_MAX), BeforeValidator(_written_as_day)]
Moment: TypeAlias = Annotated[AwareDatetime, _between(MOMENT_MIN, MOMENT_MAX), BeforeValidator(_written_as_moment)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000)]
Ordinal: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]


def _one_of(*known: str) -> Callable[[str], str]:
    values = frozenset(known)

    def check(value: str) -> str:
        return value if value in values else "other"

    return check


PAYMENT_METHODS = ("direct_debit", "card", "transfer", "cash", "wallet", "other")
HOLD_KINDS = (
    "dispute",
    "payment_in_transit",
    "payment_plan",
    "breathing_space",
    "statutory_moratorium",
    "insolvency",
    "deceased",
    "manual",
    "other",
)
STAGES = ("extrajudicial", "judicial_dunning", "enforcement", "long_term_monitoring", "other")
REASON_CODES = (
    *("AM04", "AC04", "AC06", "AC01", "AC13", "AG01", "RC01", "MD06", "MS02", "MS03", "MD01", "MD07"),
    *("AM05", "MD02", "FF01", "FF05", "BE05", "CNOR", "DNOR", "AG02", "SL01", "other"),
)

PaymentMethod: TypeAlias = Annotated[str, AfterValidator(_one_of(*PAYMENT_METHODS)), Field(examples=list(PAYMENT_METHODS))]
HoldKind: TypeAlias = Annotated[str, AfterValidator(_one_of(*HOLD_KINDS)), Field(examples=list(HOLD_KINDS))]
Stage: TypeAlias = Annotated[str, AfterValidator(_one_of(*STAGES)), Field(examples=list(STAGES))]
ReasonCode: TypeAlias = Annotated[str, AfterValidator(_one_of(*REASON_CODES)), Field(examples=list(REASON_CODES))]
"""SEPA return reason (`domain.md` 7)."""
Via: TypeAlias = Annotated[str, AfterValidator(_one_of("agency")), Field(examples=["agency", "other"])]

DebtorKind: TypeAlias = Literal["consumer", "business"]

Status: TypeAlias = Literal[
    "Clear",
    "Due",
    "Reminded",
    "Held",
    "ToBePassed",
    "Passed",
    "Accepted",
    "Rejected",
    "FirstDunningPhase",
    "SecondDunningPhase",
    "DebtCollection",
    "SuccessfullyClosed",
    "UnsuccessfullyClosed",
]
"""Public status of a contract (`domain.md` 2)."""


class Value(BaseModel):
    """Base of everything that is read from or written to a topic: immutable, strict, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", populate_by_name=True)
