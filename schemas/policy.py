"""The policy: the ladder of steps as configuration (`escalation.md` 8). Read strictly: an unknown key is refused."""

from functools import lru_cache
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.fields import Count, Currency, Day, DebtorKind, Minor, Name, Ordinal, PaymentMethod, PositiveMinor, Value

STEPS_MAX = 50
"""Steps of a ladder: nobody is written to more often, and each is looked at with every receivable."""
DAYS_MAX = 3_650
"""Longest span of days a policy may name: ten years, beyond every period of limitation it could mean."""

Days: TypeAlias = Annotated[int, Field(ge=0, le=DAYS_MAX)]
SomeDays: TypeAlias = Annotated[int, Field(ge=1, le=DAYS_MAX)]
TimeOfDay: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Percent: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,6})?$")]
AmountByCurrency: TypeAlias = dict[Currency, Minor]
LimitByCurrency: TypeAlias = dict[Currency, PositiveMinor]


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"unknown time zone {name!r}: a name of the IANA time zone database is needed, such as Europe/Berlin")
    return name


Zone: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]


@lru_cache(maxsize=1)
def _calendars() -> dict[str, list[str]]:
    from holidays.utils import list_supported_countries  # slow to import, and only who reads a policy needs it

    return dict(list_supported_countries())


class Strict(Value):
    """Base of what is configured by hand: a key nobody knows is a mistake, not a newer version."""

    model_config = ConfigDict(extra="forbid")


class Calendar(Strict):
    """Public holidays of a country and, where given, of one of its subdivisions."""

    country: Name
    subdivision: Name | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        subdivisions = _calendars().get(self.country)
        if subdivisions is None:
            raise ValueError(f"unknown calendar country {self.country!r}: an ISO 3166 code is needed, such as DE")
        if self.subdivision is not None and self.subdivision not in subdivisions:
            raise ValueError(
                f"unknown subdivision {self.subdivision!r} of {self.country}: one of {', '.join(subdivisions) or 'none'} is needed"
            )
        return self


PLACEHOLDERS = ("{tenant}", "{contract}", "{cycle}")


def _fillable(template: str) -> str:
    rest = template
    for name in PLACEHOLDERS:
        rest = rest.replace(name, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"{template!r} holds a placeholder nobody fills: only {', '.join(PLACEHOLDERS)} are known")
    return template


LinkTemplate: TypeAlias = Annotated[Name, AfterValidator(_fillable)]


class StatutoryInterest(Strict):
    kind: Literal["statutory"]


class FixedInterest(Strict):
    kind: Literal["fixed"]
    percent: Percent


class BreathingSpace(Strict):
    days: SomeDays
    from_: Literal["first_step", "hand_over"] = Field(alias="from")


class InstalmentReminder(Strict):
    days_before: Days


class WinBack(Strict):
    days_after: Days


class Ramp(Strict):
    days: SomeDays


class StepBase(Strict):
    """What every step may say. `day` counts unheld days from the anchor's due day."""

    day: SomeDays
    minimum: LimitByCurrency | None = None
    below: Literal["wait", "skip"] = "wait"
    approval: Literal["required"] | None = None


class Remind(StepBase):
    kind: Literal["remind"]
    level: Annotated[int, Field(ge=1, le=9)]
    fee: AmountByCurrency | None = None


PaymentOfferMethod: TypeAlias = Literal["link", "qr", "barcode"]


class OfferPayment(StepBase):
    kind: Literal["offer_payment"]
    methods: Annotated[tuple[PaymentOfferMethod, ...], Field(min_length=1)]
    methods_if_account_unusable: tuple[PaymentOfferMethod, ...] | None = None


class Call(StepBase):
    kind: Literal["call"]
    max_attempts: Annotated[int, Field(ge=1, le=20)]
    every_days: SomeDays = 1


class Signal(StepBase):
    kind: Literal["signal"]
    name: Name


class AccountCondition(Strict):
    amount_from: Minor | None = None
    amount_below: Minor | None = None
    debtor_kind: DebtorKind | None = None
    country: Name | None = None
    overdue_days_from: Days | None = None
    attempt: Ordinal | None = None


class AccountRule(Strict):
    account: Name
    when: AccountCondition = AccountCondition()


class HandOver(StepBase):
    kind: Literal["hand_over"]
    account: Name | None = None
    accounts: tuple[AccountRule, ...] | None = None
    payment_methods: tuple[PaymentMethod, ...] | None = None

    @model_validator(mode="after")
    def _one_way_to_the_account(self) -> Self:
        if self.account is not None and self.accounts is not None:
            raise ValueError("account and accounts exclude each other: keep one of them")
        return self


Step: TypeAlias = Annotated[Remind | OfferPayment | Call | Signal | HandOver, Field(discriminator="kind")]


class Policy(Strict):
    """One version of a policy file. Defaults are those of `escalation.md` 8; amounts in minor units by currency."""

    policy: Name
    applies: Literal["next_cycle", "at_once"] = "next_cycle"
    time_zone: Zone
    calendar: Calendar | None = None
    working_days_only: bool = True
    at: TimeOfDay = "08:00"
    minimum_open: LimitByCurrency = Field(default_factory=dict)
    settlement: Literal["costs_first", "principal_first"] = "costs_first"
    default: Literal["due_date", "first_reminder", "thirty_days"] = "first_reminder"
    interest: Annotated[StatutoryInterest | FixedInterest, Field(discriminator="kind")] | None = None
    breathing_space: BreathingSpace | None = None
    transit_days: Days = 5
    plan_grace_days: Days = 3
    instalment_reminder: InstalmentReminder | None = None
    confirm_payments: bool = False
    win_back: WinBack | None = None
    payment_link: LinkTemplate | None = None
    refresh_at: TimeOfDay = "06:00"
    starts_on: Day | None = None
    ramp: Ramp | None = None
    forget_after: Annotated[int, Field(ge=14, le=1_200)] | None = None
    fresh_payments: Days | None = None
    answer_days: Days = 5
    steps: Annotated[tuple[Step, ...], Field(max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _ladder(self) -> Self:
        for number, (lower, upper) in enumerate(zip(self.steps, self.steps[1:], strict=False), start=2):
            if upper.day <= lower.day:
                raise ValueError(
                    f"step {number}: day {upper.day} does not come after day {lower.day} of the step before it; days must increase"
                )
            if isinstance(lower, HandOver):
                raise ValueError(f"step {number} comes after hand_over: hand_over must be the last step")
        return self

    def minimum_open_minor(self, currency: str) -> Count:
        """Smallest overdue amount that escalates, in minor units of `currency`."""
        return self.minimum_open.get(currency, 1)
