"""What an agency may charge the debtor of an undisputed claim (RDG 13e, RVG; `domain.md` 6): 0.9 of the fee of its step, and expenses."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

NEWER_FROM = date(2025, 6, 1)
STEPS = (50, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000)
FEES = ("31.50", "51.50", "93", "134.50", "176", "235.50", "295", "354.50")
FEES_BEFORE = ("30", "49", "88", "127", "166", "222", "278", "334")
MINIMUM, EXPENSES_MAX = Decimal(15), Decimal(20)
CENT = Decimal("0.01")


def expected_costs(currency: str | None, open_minor: int, day: date) -> int | None:
    """Net, in cents; the day of the mandate decides. None for another currency, for nothing, and above the last step."""
    claim = Decimal(open_minor) / 100
    fees = FEES if day >= NEWER_FROM else FEES_BEFORE
    fitting = [Decimal(fee) for upto, fee in zip(STEPS, fees, strict=True) if 0 < claim <= upto]
    if currency != "EUR" or not fitting:
        return None
    fee = max(MINIMUM, (fitting[0] * Decimal("0.9")).quantize(CENT, ROUND_HALF_UP))
    expenses = min(EXPENSES_MAX, (fee * Decimal("0.2")).quantize(CENT, ROUND_HALF_UP))
    return int((fee + expenses) * 100)
