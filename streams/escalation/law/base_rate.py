"""The base rate (BGB 247), as the Bundesbank publishes it for each half-year (`domain.md` 6). Basis points: 257 are 2.57 percent."""

from datetime import date
from typing import Final

from streams.escalation.law.tables import Row, Table

SOURCE: Final = "BGB 247, Deutsche Bundesbank"
_BASIS_POINTS: Final = (
    (date(2002, 1, 1), 257),
    (date(2002, 7, 1), 247),
    (date(2003, 1, 1), 197),
    (date(2003, 7, 1), 122),
    (date(2004, 1, 1), 114),
    (date(2004, 7, 1), 113),
    (date(2005, 1, 1), 121),
    (date(2005, 7, 1), 117),
    (date(2006, 1, 1), 137),
    (date(2006, 7, 1), 195),
    (date(2007, 1, 1), 270),
    (date(2007, 7, 1), 319),
    (date(2008, 1, 1), 332),
    (date(2008, 7, 1), 319),
    (date(2009, 1, 1), 162),
    (date(2009, 7, 1), 12),
    (date(2011, 7, 1), 37),
    (date(2012, 1, 1), 12),
    (date(2013, 1, 1), -13),
    (date(2013, 7, 1), -38),
    (date(2014, 1, 1), -63),
    (date(2014, 7, 1), -73),
    (date(2015, 1, 1), -83),
    (date(2016, 7, 1), -88),
    (date(2023, 1, 1), 162),
    (date(2023, 7, 1), 312),
    (date(2024, 1, 1), 362),
    (date(2024, 7, 1), 337),
    (date(2025, 1, 1), 227),
    (date(2025, 7, 1), 127),
    (date(2026, 1, 1), 127),
    (date(2026, 7, 1), 152),
)

TABLE: Final = Table("base rate", tuple(Row(day, points, SOURCE) for day, points in _BASIS_POINTS), known_until=date(2026, 12, 31))


def basis_points_on(day: date) -> int:
    """The base rate of a day. Raises OutsideTable."""
    return TABLE.on(day).content


def days_left(today: date) -> int:
    """Days after `today` whose base rate is known; negative once the table has ended."""
    left = TABLE.days_left(today)
    assert left is not None
    return left
