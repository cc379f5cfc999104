"""Kafka Streams with the same counter, exactly once: a JVM that measures itself, from its first event to its last commit.

Its start is left out, as everybody's; what its compiler takes afterwards counts. The CPU of the second half of the events is told
besides: by then most is compiled.
"""

import json
import os
import subprocess

from bench.counting import OUT_TOPIC
from bench.layout import COUNTER_INPUT
from bench.measuring import settings, tell
from bench.peers.maven import KAFKA_STREAMS, class_path
from mahnlauf.broker import jars
from mahnlauf.broker.leash import leash
from streams.engine.limits import Limits

COMMIT_INTERVAL_MS = round(Limits().batch_seconds * 1000)
"""As long as our engine may apply before it commits; the library's own is 100 ms, which costs it more."""


def main() -> None:
    asked = settings()
    arguments = (asked["bootstrap"], asked["app"], asked["state_folder"], COUNTER_INPUT, OUT_TOPIC, str(asked["events"]))
    java = jars.java()
    if java is None:
        raise SystemExit(f"no Java: {jars.WHAT_TO_INSTALL}")
    command = [java, "-cp", class_path(KAFKA_STREAMS), "Counter", *arguments, str(COMMIT_INTERVAL_MS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, preexec_fn=leash())  # noqa: PLW1509
    assert process.stdout is not None
    told = process.stdout.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the JVM ended with {os.waitstatus_to_exitcode(status)}")
    tell(**json.loads(told[-1]), memory_mib=used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
