"""Exactly-once processing of partitions on Apache Kafka: group, fetch, barrier, transaction, changelog, store.

Knows bytes, keys and a `Processor` (protocol.py); imports nothing of ours and could be published on its own.
"""
