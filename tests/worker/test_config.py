"""Where a worker can be found, and what it refuses."""

import socket

import pytest

from schemas import topics
from streams.engine.cluster import Connection
from streams.worker.config import PagesError, WorkerConfig, claimed, engine_config, reachable_at

ENGINE = engine_config(Connection("127.0.0.1:1"), 8, "127.0.0.1:6066")


def test_the_inputs_are_the_products_in_their_order() -> None:
    assert ENGINE.ordered_inputs == topics.INPUTS
    assert ENGINE.client_id == "escalation@127.0.0.1:6066"


def test_a_free_port_is_found() -> None:
    port = claimed("127.0.0.1", 0)
    assert port > 0
    assert claimed("127.0.0.1", port) == port


def test_a_taken_port_is_named_with_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PagesError, match=rf"127.0.0.1:{port} .*worker.port"):
            claimed("127.0.0.1", port)


def test_who_listens_everywhere_is_found_by_its_name() -> None:
    assert reachable_at("127.0.0.1", 6066) == "127.0.0.1:6066"
    assert reachable_at("0.0.0.0", 6066) == f"{socket.gethostname()}:6066"


def test_a_worker_that_drains_has_no_clock() -> None:
    with pytest.raises(ValueError, match="no clock"):
        WorkerConfig(ENGINE, clock="live", drain=True)
