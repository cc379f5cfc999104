"""Amounts and days as people say them."""

from datetime import date
from typing import Final

_DIGITS: Final = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3
)
"""Digits behind the point where they are not two (ISO 4217)."""


def money(amount_minor: int, currency: str | None) -> str:
    """`1,234.50 EUR`."""
    digits = _DIGITS.get(currency or "", 2)
    sign, amount = ("-" if amount_minor < 0 else ""), abs(amount_minor)
    whole, part = divmod(amount, 10**digits)
    return f"{sign}{whole:,}{f'.{part:0{digits}d}' if digits else ''} {currency or ''}".strip()


def day(value: date) -> str:
    """`Mon 2026-01-05`: who answers the phone thinks in days of the week."""
    return f"{value:%a %Y-%m-%d}"
