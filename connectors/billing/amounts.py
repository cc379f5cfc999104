"""Amounts of upstreams in minor units of ISO 4217: how many decimals a currency has is the standard's, not the upstream's."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from iso4217 import Currency

_NO_EXCEPTIONS: Final[Mapping[str, int]] = {}


class AmountUnusable(ValueError):
    """An amount or its currency can't be told in minor units; the message names the currency."""


def exponent(currency: str) -> int:
    """How many decimals a currency has (ISO 4217 alphabetic code, large letters). Raises AmountUnusable."""
    try:
        decimals = Currency(currency).exponent
    except ValueError:
        raise AmountUnusable(f"{currency!r} is no currency of ISO 4217") from None
    if decimals is None:  # gold, testing codes: nothing a debtor can owe
        raise AmountUnusable(f"{currency} has no minor unit in ISO 4217")
    return int(decimals)


def minor_units(amount: object, currency: str, decimals_told: Mapping[str, int] = _NO_EXCEPTIONS) -> int:
    """An upstream's integer amount in minor units. `decimals_told`: currencies for which the upstream counts other decimals than the
    standard. What would not be whole is refused, never rounded. Raises AmountUnusable."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise AmountUnusable(f"an amount in {currency} is no whole number")
    standard = exponent(currency)
    told = decimals_told.get(currency, standard)
    if told <= standard:
        return amount * int(10 ** (standard - told))
    whole, rest = divmod(amount, int(10 ** (told - standard)))
    if rest:
        raise AmountUnusable(f"an amount in {currency} has more decimals than the currency")
    return whole


def decimal_minor_units(amount: object, currency: str) -> int:
    """An amount that an upstream tells in the currency's main unit, as a JSON number or a text like `"251.80"`, in minor units. What would
    not be whole is refused, never rounded. Raises AmountUnusable."""
    standard = exponent(currency)
    try:
        if isinstance(amount, bool) or not isinstance(amount, int | float | str):
            raise InvalidOperation
        minor = Decimal(str(amount)).scaleb(standard)  # the shortest text of a float is the one that was sent
        if not minor.is_finite() or abs(minor) >= 10**18:  # more than any contract owes, and than a text should make us write out
            raise InvalidOperation
    except InvalidOperation:
        raise AmountUnusable(f"an amount in {currency} is no number") from None
    if minor != minor.to_integral_value():
        raise AmountUnusable(f"an amount in {currency} has more decimals than the currency")
    return int(minor)
