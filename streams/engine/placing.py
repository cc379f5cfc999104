"""Where a key belongs: murmur2, as the default partitioners of Java's client and of aiokafka compute it."""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, of `partitions`, in which the default partitioner of Java and aiokafka puts `key`."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
