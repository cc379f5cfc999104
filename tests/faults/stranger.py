"""A publisher that is none of ours and leaves a transaction open on an input."""

from contextlib import suppress

from confluent_kafka import KafkaException, Producer

from schemas import topics
from tests.chaos.acme import payment

TIMEOUT_MS = 10_000
ANSWER_WITHIN_S = 60.0


class Stranger:
    """Its transaction holds a payment of a contract that has no invoice; brokers abort it where nobody ends it."""

    def __init__(self, bootstrap: str, contract: str) -> None:
        self._payment = payment(contract)
        self._name = f"stranger of {contract}"
        self._bootstrap = bootstrap
        self._client: Producer | None = None

    def begins(self) -> None:
        """Returns when the payment is on the log."""
        options = {"bootstrap.servers": self._bootstrap, "transactional.id": self._name, "transaction.timeout.ms": TIMEOUT_MS}
        client = self._client = Producer({**options, "partitioner": "murmur2_random", "linger.ms": 0, "log_level": 0})
        client.init_transactions(ANSWER_WITHIN_S)
        client.begin_transaction()
        client.produce(topics.PAYMENTS, self._payment.value, self._payment.key, timestamp=self._payment.time_ms)
        client.flush(ANSWER_WITHIN_S)

    def commits(self) -> None:
        assert self._client is not None
        with suppress(KafkaException):  # too late: brokers have ended it, and it never was
            self._client.commit_transaction(ANSWER_WITHIN_S)

    def aborts(self) -> None:
        assert self._client is not None
        with suppress(KafkaException):
            self._client.abort_transaction(ANSWER_WITHIN_S)
