"""What worker and connector tell while they run: structured lines on standard error, for eyes on a terminal, as JSON elsewhere.

No person data: nothing of ours logs a record's value, and a stack trace comes without the values of variables.
"""

import logging
import sys
import time
from typing import Any, Final, TextIO

import structlog

REPEATED_EVERY_S: Final = 30.0
"""A client says several times a second that a broker is away; each such line is told once in this time."""
LIBRARIES: Final = {"aiokafka": logging.WARNING, "faust": logging.WARNING, "mode": logging.WARNING, "asyncio": logging.WARNING}
"""Quieter than ours: their everyday is not an operator's. At level debug they may talk."""


class OnceInAWhile(logging.Filter):
    """Lets a message of the same logger and wording through once in `REPEATED_EVERY_S`, then with the number of those left out."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        what = (record.name, record.msg)
        told_at, left_out = self._told.get(what, (float("-inf"), 0))
        now = time.monotonic()
        if now - told_at < REPEATED_EVERY_S:
            self._told[what] = (told_at, left_out + 1)
            return False
        self._told[what] = (now, 0)
        if left_out:
            record.repeated = left_out
        return True


def configure(level: str, as_json: bool | None = None, stream: TextIO | None = None) -> None:
    """Tell everything from `level` on ("debug" …) to `stream` (standard error). `as_json` None: JSON unless it is a terminal."""
    stream = stream or sys.stderr
    as_json = not stream.isatty() if as_json is None else as_json
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(as_json, colors=stream.isatty()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    for name, least in LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else least)
    handler.addFilter(_of_libraries())


def _of_libraries() -> Any:
    repeated = OnceInAWhile()

    def let_through(record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] not in LIBRARIES or repeated.filter(record)

    return let_through


def _formatter(as_json: bool, colors: bool) -> logging.Formatter:
    told: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        told += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        told += [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder({"repeated"})], processors=told)


def _shared() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
