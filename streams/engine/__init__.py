"""Exactly-once processing of partitions on Apache Kafka. Knows bytes, keys and a `Processor`; imports nothing of ours.

Read in this order: protocol.py (what it asks of the code it runs), partition.py (a partition from taking to giving up), then by need

    who owns what       assignor.py, group.py, keeper.py, engine.py
    what comes next     unpack.py, fetch.py, buffer.py, merge.py, barrier.py, intake.py
    what becomes of it  applying.py, states.py, ticking.py, progress.py, reroute.py, deadletter.py
    what is kept        transaction.py, journal.py, changelog.py, framing.py, store.py, rocks.py, identity.py
    what is told        metrics.py, errors.py, limits.py

It holds because of four rules. One transactional id a partition: the next owner's producer ends whatever the former one had open. Fence,
then committed offsets, then state, then fetching. Everything a batch does is in its transaction: outputs, changed states, journal,
positions. Memory and store follow the commit and are never ahead of it.
"""
