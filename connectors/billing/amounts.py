"""Amounts of upstreams in minor units of ISO 4217: how many decimals a currency has is the standard's, not the upstream's."""

from collections.abc import Mapping
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
