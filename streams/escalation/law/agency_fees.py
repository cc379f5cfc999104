"""What an agency may charge the debtor (RDG 13e; RVG 13(2) and VV 2300, 7002), net, in cents; the date of the mandate decides.

`domain.md` 6 gives the older amounts as "before" and no first day: RVG 13(2) is in force since 2021-10-01, so that is where they begin.
The table is in EUR and ends at a claim of 5,000 EUR, the last step that is given: above, it is refused.
"""

from datetime import date
from typing import Final, NamedTuple

from streams.escalation.law.tables import OutsideTable, Row, Table

USUAL_TENTHS: Final = 9
"""0.9 of a fee: the undisputed claim."""
QUICK_TENTHS: Final = 5
"""0.5: paid within two weeks of the first demand."""
HIGHEST_TENTHS: Final = 13
MINIMUM_MINOR: Final = 1_500
EXPENSES_PERCENT: Final = 20
EXPENSES_MAX_MINOR: Final = 2_000
CURRENCY: Final = "EUR"

_CLAIMS_MINOR: Final = (5_000, 50_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000)

TABLE: Final = Table(
    "agency fees",
    (
        Row(date(2021, 10, 1), (3_000, 4_900, 8_800, 12_700, 16_600, 22_200, 27_800, 33_400), "RVG 13(2) until 2025-05-31"),
        Row(date(2025, 6, 1), (3_150, 5_150, 9_300, 13_450, 17_600, 23_550, 29_500, 35_450), "RVG 13(2) since 2025-06-01"),
    ),
)
"""The 1.0 fee for a claim up to each of `_CLAIMS_MINOR`."""


class AgencyCosts(NamedTuple):
    """Net of VAT, in cents."""

    fee: int
    expenses: int

    @property
    def total(self) -> int:
        return self.fee + self.expenses


def full_fee_minor(claim_minor: int, mandate_on: date) -> int:
    """The 1.0 fee for a claim (cents) by a mandate of that day. Raises OutsideTable."""
    fees = TABLE.on(mandate_on).content
    if claim_minor <= 0:
        raise OutsideTable(TABLE.name, f"a claim of {claim_minor} cents: there is a fee only for what is owed")
    for upto, fee in zip(_CLAIMS_MINOR, fees, strict=True):
        if claim_minor <= upto:
            return fee
    raise OutsideTable(TABLE.name, f"a claim of {claim_minor} cents exceeds {_CLAIMS_MINOR[-1]}, the largest that is known")


def agency_costs(claim_minor: int, mandate_on: date, tenths: int = USUAL_TENTHS, currency: str = CURRENCY) -> AgencyCosts:
    """Fee and expenses for a claim, at so many tenths of the full fee, 5 to 13. Raises OutsideTable."""
    if currency != CURRENCY:
        raise OutsideTable(TABLE.name, f"a claim in {currency}: the fees are known in {CURRENCY} alone")
    if not QUICK_TENTHS <= tenths <= HIGHEST_TENTHS:
        raise OutsideTable(TABLE.name, f"{tenths} tenths of a fee: between {QUICK_TENTHS} and {HIGHEST_TENTHS} are allowed")
    fee = max(MINIMUM_MINOR, _part(full_fee_minor(claim_minor, mandate_on), tenths, 10))
    return AgencyCosts(fee, min(EXPENSES_MAX_MINOR, _part(fee, EXPENSES_PERCENT, 100)))


def _part(amount_minor: int, numerator: int, denominator: int) -> int:
    """Rounded to the nearest cent, half of one up (RVG 2(2))."""
    return (2 * amount_minor * numerator + denominator) // (2 * denominator)
