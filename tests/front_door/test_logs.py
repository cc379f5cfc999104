"""The log: structured, quiet about what repeats itself, without the values of variables."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from mahnlauf import logs


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def _told(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_is_json_whoever_tells_it() -> None:
    logs.configure("info", stream=(stream := io.StringIO()))
    structlog.get_logger("streams.worker").info("worker starts", partitions=8)
    logging.getLogger("streams.engine").warning("partition %d stands still", 3)
    logging.getLogger("streams.engine").debug("nobody asked")
    first, second = _told(stream)
    assert (first["event"], first["partitions"], first["level"], first["logger"]) == ("worker starts", 8, "info", "streams.worker")
    assert (second["event"], second["level"]) == ("partition 3 stands still", "warning")
    assert str(first["timestamp"]).endswith("Z")


def test_a_trace_has_no_values_of_variables() -> None:
    def fails(name: str) -> None:
        raise ValueError("cannot be read")

    for as_json in (True, False):
        logs.configure("info", as_json, stream=(stream := io.StringIO()))
        try:
            fails("Erika Mustermann")
        except ValueError:
            structlog.get_logger("streams.worker").exception("a defect")
        told = stream.getvalue()
        assert "ValueError: cannot be read" in told
        assert told.count("Erika Mustermann") == 1  # in the line of code that stands in this file


def test_what_a_library_repeats_is_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure("info", stream=(stream := io.StringIO()))
    client = logging.getLogger("aiokafka.conn")
    for node in range(5):
        client.error("node %s is away", node)
    client.info("too quiet to be told")
    assert [line["event"] for line in _told(stream)] == ["node 0 is away"]
    monkeypatch.setattr(logs, "REPEATED_EVERY_S", 0.0)
    client.error("node %s is away", 5)
    assert (_told(stream)[1]["event"], _told(stream)[1]["repeated"]) == ("node 5 is away", 4)


def test_what_we_tell_ourselves_is_never_left_out() -> None:
    logs.configure("info", stream=(stream := io.StringIO()))
    for _ in range(3):
        logging.getLogger("streams.engine").warning("again")
    assert len(_told(stream)) == 3


def test_on_a_terminal_it_is_for_eyes() -> None:
    logs.configure("info", False, stream=(stream := io.StringIO()))
    structlog.get_logger("streams.worker").info("worker starts", partitions=8)
    assert "worker starts" in stream.getvalue()
    assert "partitions=8" in stream.getvalue()
