"""The engine with a counter, end to end on a real Kafka."""

from tests.engine.kit import House, Publisher


async def test_everything_is_applied_once_and_told_once(kafka: str) -> None:
    house = await House.build(kafka)
    async with Publisher(kafka) as publisher:
        for number in range(40):
            await publisher.send(house.config.inputs[number % 2], b"key-%d" % (number % 5), b'{"add": 1}', 1_000 + number)
    await house.drain()
    assert await house.totals() == {b"key-%d" % number: 8 for number in range(5)}
    assert len(await house.outputs()) == 40
    await house.drain()
    assert len(await house.outputs()) == 40
