"""How far a topic's partition is done: records are finished in any order, offsets are committed up to the lowest unfinished one."""


class Progress:
    """One topic's. `position`: where reading stands, after transaction markers; `committed`: what the group has committed."""

    def __init__(self, committed: int) -> None:
        self.position = committed
        self.committed = committed
        self._unfinished: dict[int, None] = {}

    def begin(self, offset: int) -> None:
        """A record was read; offsets are begun in ascending order."""
        self._unfinished[offset] = None

    def finish(self, offset: int) -> None:
        del self._unfinished[offset]

    @property
    def unfinished(self) -> int:
        return len(self._unfinished)

    @property
    def done(self) -> int:
        """The offset up to which everything is done."""
        return next(iter(self._unfinished), self.position)
