"""Amounts, days and moments as people of a language read them.

Working one out costs Babel some 50 us, and a page shows hundreds, mostly the same as the page before: what was worked out is kept.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_precision

from console.pages.texts import Language

KEPT: Final = 20_000
"""Amounts, days and moments of each kind, in each language: some MiB."""


@cache
def formats_in(language: Language, zone: ZoneInfo) -> dict[str, Callable[..., Any]]:
    """What templates call: money(amount_minor, currency), day, moment (moment_ms: of milliseconds since 1970, minute: without
    seconds), number."""
    locale = Locale.parse("de_DE" if language == "de" else "en_GB")

    def money(amount_minor: int, currency: str | None) -> str:
        if not currency:  # a contract whose first invoice has not come
            return "–" if not amount_minor else format_decimal(amount_minor, locale=locale)
        return format_currency(Decimal(amount_minor).scaleb(-get_currency_precision(currency)), currency, locale=locale)

    def day(value: str | None) -> str:
        return format_date(date.fromisoformat(value), "medium", locale=locale) if value else "–"

    def moment(value: str | datetime | None) -> str:
        if not value:
            return "–"
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return format_datetime(at, "medium", tzinfo=zone, locale=locale)

    def moment_ms(at_ms: int) -> str:
        return moment(datetime.fromtimestamp(at_ms / 1000, zone))

    def minute(value: str) -> str:
        return format_datetime(datetime.fromisoformat(value), "short", tzinfo=zone, locale=locale) if value else "–"

    def moment_day(value: str) -> str:
        return format_date(datetime.fromisoformat(value).astimezone(zone).date(), "short", locale=locale)

    def short_day(value: date) -> str:
        return format_date(value, "dd.MM." if language == "de" else "d MMM", locale=locale)

    def number(value: int) -> str:
        return format_decimal(value, locale=locale)

    found = (money, day, moment, moment_ms, minute, moment_day, short_day, number)
    return {each.__name__: lru_cache(KEPT)(each) for each in found}
