"""A creditor with few contracts of one invoice each, written by hand, and a client that publishes what no command of ours would."""

from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Producer

from schemas import topics
from schemas.policy import Policy
from streams.engine.placing import partition_of
from tests.chaos.cases import Line
from tests.chaos.house import PARTITIONS, House

POLICY = Policy.model_validate_json(
    '{"policy": "standard", "time_zone": "UTC", "working_days_only": false, "steps": [{"kind": "remind", "day": 5, "level": 1}]}'
)
STEP = datetime(2025, 1, 15, 12, tzinfo=UTC)
"""Five days after it was due: the tick at which the reminder goes out to whoever has not paid."""
DAY_BEFORE = STEP.date() - timedelta(days=1)
DAYS = 13
"""From the invoices to the day before."""


def event(topic: str, kind: str, contract: str, moment: str, **data: Any) -> Line:
    value: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{contract}-{kind}-{moment}",
        "source": "/test",
        "type": kind,
        "subject": contract,
    }
    value |= {"tenant": "acme", "time": moment, "data": data}
    return Line.of({"topic": topic, "key": f"acme/{contract}", "value": value})


def invoice(contract: str) -> Line:
    return event(
        *(topics.INVOICES, "invoice.issued", contract, "2025-01-02T09:00:00Z"),
        invoice_id=f"R-{contract}", issued_on="2025-01-02", due_on="2025-01-10", amount=5_000, currency="EUR",
    )  # fmt: skip


def payment(contract: str, moment: str = "2025-01-15T11:59:00Z") -> Line:
    """All that is owed, a minute before the step unless told otherwise."""
    return event(
        *(topics.PAYMENTS, "payment.received", contract, moment),
        payment_id=f"P-{contract}", amount=5_000, currency="EUR", value_date=moment[:10],
    )  # fmt: skip


def in_partition(partition: int, count: int) -> list[str]:
    """Contracts of one partition."""
    names = (f"C-{number}" for number in range(1_000))
    return [name for name in names if partition_of(f"acme/{name}".encode(), PARTITIONS) == partition][:count]


def producer(house: House, **options: Any) -> Producer:
    return Producer({"bootstrap.servers": house.bootstrap, "partitioner": "murmur2_random", "linger.ms": 0, **options})


def send(client: Producer, line: Line) -> None:
    """Returns once it is acknowledged."""
    refused: list[Any] = []
    client.produce(line.content["topic"], line.value, line.key, timestamp=line.time_ms, on_delivery=lambda error, _: refused.append(error))
    assert client.flush(30.0) == 0
    assert refused == [None]
