"""Where a key belongs: what the clients say that place keys by murmur2."""

import random

import pytest
from aiokafka.partitioner import murmur2 as reference

from streams.engine.placing import murmur2, partition_of


def test_every_length_and_content_hashes_as_aiokafka_does() -> None:
    draw = random.Random(7)
    keys = [draw.randbytes(length) for length in range(70) for _ in range(20)] + [b"\xff" * 37, b"\x00" * 8]
    assert [murmur2(key) for key in keys] == [reference(key) for key in keys]


@pytest.mark.parametrize(
    ("key", "java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_values_of_javas_own_test(key: bytes, java: int) -> None:
    assert murmur2(key) == java & 0xFFFFFFFF
    assert partition_of(key, 8) == (java & 0x7FFFFFFF) % 8
