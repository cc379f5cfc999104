"""What can go wrong in the engine, by what is to be done about it.

`Fenced`, `TransactionFailed`: the partition is given up and taken again from the committed state (but for `RecordTooLarge`, which would
come again for ever: the engine makes it `Stopped`).
`Unreachable`, `Undecided`: Kafka does not answer, or not for good; the same again later.
`StoreDamaged`: the folder is deleted, and the partition taken again from the changelog.
`Stopped`: nothing automatic is right any more; the partition stands still with an alarm until a person has acted.
"""


class EngineError(Exception):
    """Base of all errors the engine raises on purpose."""


class Fenced(EngineError):
    """Another worker has taken this partition (its producer has the newer epoch): nothing of the open transaction becomes visible."""


class TransactionFailed(EngineError):
    """The broker refused a part of a transaction; none of it was committed."""


class RecordTooLarge(TransactionFailed):
    """The broker refused a batch for its size. The same again would be refused again: names the topic whose limit is too low."""


class Unreachable(EngineError):
    """A broker or coordinator did not answer, or is moving."""


class Undecided(EngineError):
    """A transaction of a fenced owner is still open. The message names the place and what a person can do if it stays."""


class StoreDamaged(EngineError):
    """A local store does not hold what was written to it. No record is to blame."""


class Stopped(EngineError):
    """A partition that must not go on by itself. The message names the reason and what a person can do."""


class InstanceTaken(EngineError):
    """Another process has joined the group under this process's instance id."""
