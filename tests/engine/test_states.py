"""What of a change goes to the changelog: a due time that moves earlier must be found again by whoever recovers."""

import pytest

from streams.engine.framing import NEVER, due_of
from streams.engine.states import States
from streams.engine.store import MemoryStore
from tests.engine.counter import Count, Counter


@pytest.mark.parametrize(("before", "after", "written"), [(20, 10, True), (NEVER, 10, True), (10, 20, False), (10, NEVER, False)])
def test_a_due_time_alone_is_written_where_it_moves_earlier(before: int, after: int, written: bool) -> None:
    """Recovered late, the step would come late; recovered early, it is only looked at once too often."""
    states = States(Counter("out", "timers"), MemoryStore(), 10, 10_000)
    state = Count()
    states.put(b"a", states.find(b"a"), state, before)
    states.settle(states.changes(), 1)
    states.put(b"a", states.find(b"a"), states.find(b"a").state, after)
    changes = states.changes()
    assert (b"a" in changes.records) == written
    assert due_of(changes.stored[b"a"] or b"") == after
    assert not written or due_of(changes.records[b"a"] or b"") == after
