"""Days, times of day and moments as they are written on the command line. Each raises BadInput that says how they are written."""

from datetime import UTC, date, datetime, time

from mahnlauf.failures import BadInput


def day(option: str, text: str) -> date:
    """YYYY-MM-DD."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise BadInput(f"{option} {text}: a day is written YYYY-MM-DD, such as 2026-01-31") from None


def time_of_day(option: str, text: str) -> time:
    """HH:MMZ (UTC)."""
    try:
        return datetime.strptime(text, "%H:%MZ").time()
    except ValueError:
        raise BadInput(f"{option} {text}: a time of day in UTC is written HH:MMZ, such as 12:00Z") from None


def past_moment(option: str, text: str) -> datetime:
    """RFC 3339 with an offset, not in the future (Kafka refuses records of the future)."""
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise BadInput(f"{option} {text}: a moment is written YYYY-MM-DDThh:mm:ssZ, such as 2026-01-31T08:00:00Z")
    if moment > datetime.now(UTC):
        raise BadInput(f"{option} {text}: lies in the future, and Kafka refuses records of the future")
    return moment.astimezone(UTC)


def told(moment: datetime) -> str:
    """A moment for people; what counts from 1970 on counts from the beginning."""
    return "the beginning" if moment.year == 1970 else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
