"""Ports on loopback: choosing free ones, and asking whether Kafka answers there."""

import socket
import struct

LOOPBACK = "127.0.0.1"
METADATA_V4 = (3, 4)  # the oldest version that a broker of Kafka 4 still takes, with a body we can write by hand
ASK_WITHIN_S = 2.0


def choose_port(wanted: int | None, but_not: int | None = None) -> int:
    """`wanted` if nobody listens there, else a free port that is not `but_not`."""
    if wanted is not None and _is_free(wanted):
        return wanted
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port != but_not:
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the broker does: a port in TIME_WAIT is free
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers_metadata(port: int) -> bool:
    """Whether a broker answers on that port and knows of living ones, itself among them (a fenced broker is not in the metadata)."""
    return brokers_known(port) > 0


def brokers_known(port: int) -> int:
    """How many living brokers the one on that port knows; 0 where none answers."""
    header = struct.pack(">hhih", *METADATA_V4, 1, -1)
    request = header + struct.pack(">i?", 0, False)  # no topics, create none
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ASK_WITHIN_S) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = _read(connection, 4 + 4 + 4 + 4)  # size, correlation id, throttle time, number of brokers
    except OSError:
        return 0
    return int(struct.unpack(">i", answer[12:16])[0]) if len(answer) == 16 else 0


def _read(connection: socket.socket, length: int) -> bytes:
    answer = b""
    while len(answer) < length:
        part = connection.recv(length - len(answer))
        if not part:
            break
        answer += part
    return answer
