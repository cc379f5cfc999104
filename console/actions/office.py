"""What the console's admins settle: policies and agency accounts. The front door makes it; here is what the pages need of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol


class Unfit(ValueError):
    """What was given can't be used; the message says what is wrong, a line for each mistake."""


class PolicyTold(NamedTuple):
    """A policy in force; `text` is the file that would say the same."""

    tenant: str
    name: str
    version: int
    ladder: str
    text: str


class Tried(NamedTuple):
    """A policy that could be applied: what is legal but unwise about it, and how it differs from the version in force (0: none is)."""

    name: str
    advice: Sequence[str]
    version: int
    differences: Sequence[str]


class StepPreviewed(NamedTuple):
    """How many times one kind of step (`reminder 1`, `payment_offer`, `handover`) is taken on each day: as it is, and with the policy."""

    kind: str
    before: Sequence[int]
    after: Sequence[int]

    @property
    def begins(self) -> int:
        """The first day on which it is taken at all."""
        both = zip(self.before, self.after, strict=True)
        return next((number for number, counts in enumerate(both) if any(counts)), len(self.before))


class Previewed(NamedTuple):
    """What a tenant's contracts come to from the day `first` on if nothing else comes in. `touched`: to how many anything is sent, as it is
    and with the policy; `bound`: how many go by the policy at the end."""

    first: date
    contracts: int
    touched_before: int
    touched_after: int
    bound: int
    steps: Sequence[StepPreviewed]


class AccountTold(NamedTuple):
    """An agency account; never its secret. `trouble`: why it can't be read."""

    tenant: str
    name: str
    agency: str
    mode: str
    customer_id: str
    url: str
    per_second: str
    paused: str
    trouble: str


class GateTold(NamedTuple):
    """Whether an account's agency can be reached: `trouble` why not (empty: it can), `since` when that is so as far as the connector
    knows; `parked`: handovers that wait."""

    since: datetime
    trouble: str
    parked: int


class Explained(NamedTuple):
    """Why a contract stands where it stands on `day`: rules at work with their sections, what time alone will bring (in the contract's
    zone), and what would come of what may come in."""

    day: date
    status: str
    why: Sequence[tuple[int, str]]
    coming: Sequence[tuple[datetime, str]]
    what_if: Sequence[tuple[str, str]]
    dead_letters: Sequence[str]


class LetterPlace(NamedTuple):
    """Where a dead letter stands on Kafka."""

    topic: str
    partition: int
    offset: int


class DeadLetter(NamedTuple):
    """A record that could not be read or applied. `origin`: the topic it came from, `offset` where it stood there; `tenant` empty where its
    key names none; `text`: the record, as far as it is text."""

    place: LetterPlace
    origin: str
    offset: str
    at: datetime
    tenant: str
    contract: str
    reason: str
    detail: str
    text: str


class Office(Protocol):
    """Every call may take seconds, and raises Unsent where Kafka does not answer."""

    @property
    def agencies(self) -> Sequence[str]:
        """Agencies and upstreams that an account can be at."""

    async def explained(self, tenant: str, contract: str) -> Explained:
        """Raises Unfit where the contract is not known, or it takes too long to find out."""

    async def dead_letters(self) -> list[DeadLetter]:
        """The newest, the last that came first."""

    async def put_back(self, place: LetterPlace, text: str | None) -> None:
        """Publish a dead letter's record, or `text` in its place, where it came from. Raises Unfit where there is none."""

    async def policies(self) -> list[PolicyTold]:
        """All in force, by tenant and name."""

    async def tried(self, tenant: str, text: str) -> Tried:
        """Raises Unfit."""

    async def previewed(self, tenant: str, text: str, days: int) -> Previewed:
        """What it would send. Raises Unfit, also where there are too many contracts to find out while somebody waits."""

    async def apply(self, tenant: str, text: str) -> int:
        """Make it the next version, and return its number; the same again if it says nothing new. Raises Unfit."""

    async def withdraw(self, tenant: str, name: str) -> None:
        """Let no new cycle begin with it. Raises Unfit where there is none."""

    async def accounts(self) -> list[AccountTold]:
        """All accounts, by tenant and name."""

    async def gates(self) -> dict[str, GateTold]:
        """By `<tenant>/<account>`, what running connectors say; an account that none tells of is not there."""

    async def add_account(self, told: dict[str, Any], secret: str) -> None:
        """Add one (the fields of `AgencyAccount`); the agency is asked first. Raises Unfit."""

    async def rotate_account(self, tenant: str, name: str, secret: str) -> None:
        """Change its secret; the agency is asked first. Raises Unfit."""

    async def pause_account(self, tenant: str, name: str, why: str) -> None:
        """Send nothing by it from now on; without `why` go on. Raises Unfit."""

    async def validate_account(self, tenant: str, name: str) -> str:
        """Ask the agency; what it said. Raises Unfit where it refuses."""
