"""Events that flow while something happens: slices of cases, published one after the other with pauses between them."""

import random
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from tests.chaos.cases import Slice
from tests.chaos.waiting import until

FLOWED_WITHIN_S = 240.0
PAUSE_S = (0.5, 2.0)


class Flow:
    """A context: `publish` is called for each slice on a thread of its own. `finish` waits for the last and raises what went wrong."""

    def __init__(
        self, publish: Callable[[Slice], object], slices: Sequence[Slice], rng: random.Random, pause_s: tuple[float, float] = PAUSE_S
    ) -> None:
        self._publish = publish
        self._slices = slices
        self._pauses = [rng.uniform(*pause_s) for _ in slices]
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)
        self.published = 0
        """Slices that are on Kafka."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(FLOWED_WITHIN_S)

    def flow_on(self) -> None:
        """Wait until another slice is on Kafka, or the last one was."""
        before = self.published
        until(lambda: self.published > before or not self.flowing, "events flow on", FLOWED_WITHIN_S)

    @property
    def flowing(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def finish(self) -> None:
        self._thread.join(FLOWED_WITHIN_S)
        if self._error is not None:
            raise self._error
        assert self.published == len(self._slices), f"{self.published} of {len(self._slices)} slices published in {FLOWED_WITHIN_S:.0f} s"

    def _run(self) -> None:
        try:
            for piece, pause_s in zip(self._slices, self._pauses, strict=True):
                self._publish(piece)
                self.published += 1
                if self._ended.wait(pause_s):
                    return
        except Exception as error:
            self._error = error
