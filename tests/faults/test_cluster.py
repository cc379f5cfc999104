"""Three brokers, two workers, a connector and an agency, events that flow, and faults: nothing is lost, nothing happens twice."""

import random
from pathlib import Path

import pytest

from tests.chaos.flow import Flow
from tests.chaos.telling import tell
from tests.faults.town import cases, town

pytestmark = pytest.mark.timeout(300)
SLICES = 12
PAUSE_S = (0.2, 1.0)


def test_a_broker_is_killed_while_events_flow(tmp_path: Path) -> None:
    rng = random.Random(1)
    with town(tmp_path) as of:
        told = cases().of_contracts(2)
        of.settle_in(told)
        with Flow(of.publish, told.slices(SLICES), rng, PAUSE_S) as flow:
            flow.flow_on()
            of.brokers.all[2].kill()
            flow.flow_on()
            of.brokers.start(2)
            flow.finish()
        tell(of.assert_all_is_well())
