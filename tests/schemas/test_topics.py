"""The topics: what the processor writes to must be there."""

import pytest

from schemas.topics import INPUTS, TOPICS, dead_letters


@pytest.mark.parametrize("topic", INPUTS)
def test_every_input_has_a_place_for_its_dead_letters(topic: str) -> None:
    assert dead_letters(topic) in {spec.name for spec in TOPICS}
