"""What delivery asks of an agency's adapter, and the values that pass between them.

An adapter translates: our words into the agency's requests, its answers into ours, its failures into `errors.py`. It keeps nothing, retries
nothing and decides nothing. All its methods raise AgencyError.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias, runtime_checkable

from connectors.delivery.errors import Reason
from schemas.commands import CaseSubmitData
from schemas.debtors import DebtorDescribedData

REQUESTS_AT_ONCE: Final = 32
"""Requests under way on one account, from their intent on; at a hundred a second eight of them are at the agency. An adapter has a
connection for each: a request that waited for one would wait after its intent was committed."""
PER_SECOND_DEFAULT: Final = 20.0
"""Requests, where nobody has said what the agency allows."""


Ability: TypeAlias = Literal[
    "recall", "report_payment", "messages", "questions", "documents", "monitoring", "refresh", "feed", "webhook", "validate"
]
_COMMAND_OF: Final[Mapping[str, str]] = {
    "recall": "case.recall",
    "report_payment": "case.report_payment",
    "messages": "case.send_message",
    "questions": "case.answer",
    "monitoring": "case.monitor",
    "refresh": "case.refresh",
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an agency can do, as data.

    `commands`: the types of command it takes; `asks_by_reference`: it can be asked for a case by our handover id; `feed`: it tells changes
    of all cases at once; `currencies`: None means any; `tells`: the types of reply it can bring besides statuses and payments; `webhook`:
    it tells by webhook; `validates`: its credentials can be asked about; `feed_tells_all`: what the feed brings is all that asking for one
    case would; `requests_a_call`: HTTP requests that one call of the adapter makes at most, all of which count towards the limit.
    """

    agency: str
    commands: frozenset[str]
    asks_by_reference: bool
    feed: bool
    currencies: frozenset[str] | None = None
    tells: frozenset[str] = frozenset()
    webhook: bool = False
    validates: bool = True
    feed_tells_all: bool = True
    requests_a_call: int = 1

    def can(self, ability: Ability) -> bool:
        """Whether it has an ability, as a console asks before it shows a button."""
        if ability in _COMMAND_OF:
            return _COMMAND_OF[ability] in self.commands
        if ability == "documents":
            return "case.document_added" in self.tells
        return {"feed": self.feed, "webhook": self.webhook, "validate": self.validates}[ability]


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One agency account of a tenant, as settings tell it. `url`: the agency's address for this mode. `per_second`: requests at most.

    `paused`: a reason for which nothing is sent now and what should go is parked; empty: none. `webhook_secret`: by which the agency signs
    what it tells; empty: it tells nothing by itself.
    """

    tenant: str
    account: str
    agency: str
    mode: Literal["test", "live"]
    url: str
    customer_number: str
    authentication_code: str = field(repr=False)
    per_second: float = PER_SECOND_DEFAULT
    paused: str = ""
    webhook_secret: str = field(default="", repr=False)

    @property
    def key(self) -> str:
        """Key of the account's commands on `agency.outbox`."""
        return account_key(self.tenant, self.account)


def account_key(tenant: str, account: str) -> str:
    """`<tenant>/<account>`."""
    return f"{tenant}/{account}"


@dataclass(frozen=True, slots=True)
class Submission:
    """A handover as it goes to an agency, with the person data looked up for it."""

    handover_id: str
    contract: str
    submitted_at: datetime
    data: CaseSubmitData = field(repr=False)
    debtor: DebtorDescribedData = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReportedPayment:
    """A payment that the creditor received. `key` is the same whenever the same report is sent."""

    key: str
    payment_id: str
    amount_minor: int
    value_date: date


@dataclass(frozen=True, slots=True)
class Message:
    """Words for the agency. `key` is the same whenever the same message is sent; `contract` is `<tenant>/<contract>`."""

    key: str
    contract: str
    message_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question of the agency; `key` and `contract` as of a Message."""

    key: str
    contract: str
    question_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Passed:
    type: ClassVar[str] = "case.passed"


@dataclass(frozen=True, slots=True)
class Accepted:
    type: ClassVar[str] = "case.accepted"


@dataclass(frozen=True, slots=True)
class Rejected:
    type: ClassVar[str] = "case.rejected"
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    type: ClassVar[str] = "case.phase_changed"
    phase: Literal["first_dunning", "second_dunning", "collection"]
    stage: str | None = None
    dunning_level: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentReceived:
    """`amount_minor` counts towards the creditor's claim, without the agency's own fees."""

    type: ClassVar[str] = "case.payment_received"
    payment_id: str
    amount_minor: int
    value_date: date


@dataclass(frozen=True, slots=True)
class Closed:
    """`reason` is ours; `agency_code` the agency's own where ours is `other`."""

    type: ClassVar[str] = "case.closed"
    outcome: Literal["successful", "unsuccessful"]
    reason: str
    agency_code: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentAdded:
    """`link` leads to it at the agency; it is never fetched unasked. `kind` is the agency's own word."""

    type: ClassVar[str] = "case.document_added"
    document_id: str
    kind: str
    link: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """The agency writes. What an adapter tells is in the clear; it is sealed before anything is kept (`discreet.py`)."""

    type: ClassVar[str] = "case.message_received"
    message_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """The agency asks; `answer_type` is its own word. Texts as in MessageReceived."""

    type: ClassVar[str] = "case.question_asked"
    question_id: str
    text: str = field(repr=False)
    answer_type: str
    options: tuple[str, ...] | None = field(default=None, repr=False)
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Something the agency said that has no meaning here yet; kept for a person, without person data. `why` names the field."""

    type: ClassVar[str] = "unmapped"
    why: str
    raw: Mapping[str, Any] = field(repr=False)


What: TypeAlias = (
    Passed | Accepted | Rejected | PhaseChanged | PaymentReceived | Closed | DocumentAdded | MessageReceived | QuestionAsked | Unmapped
)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a case at the agency. `change_id` is the same however often, and by whatever way, it is told."""

    reference: str
    case_id: str
    change_id: str
    occurred_at: datetime
    what: What


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as the agency sees it now. `reported` are the keys of the payments, messages and answers it was told."""

    reference: str
    case_id: str
    received_at: datetime
    closed: bool
    recalled: bool
    reported: frozenset[str]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A page of the feed. `cursor` is where the next one begins; `more`: there is a next one already; `unreadable`: rows that belong to no
    case, without person data; `touched`: where the feed only names what changed, the cases to look at, as `view` takes them."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool
    unreadable: tuple[Mapping[str, Any], ...] = ()
    touched: tuple[str, ...] = ()


class Agency(Protocol):
    """An account at an agency, ready to be asked."""

    capabilities: Capabilities

    async def check(self) -> None:
        """Whether the credentials are known, and are of the account's mode. Raises CredentialsRefused, ModeMismatch."""

    async def submit(self, submission: Submission) -> CaseView:
        """Hand a case over. Raises SubmissionRejected, and ResultUnknown where it may have been taken all the same."""

    async def ask(self, handover_id: str) -> CaseView | None:
        """The case with our handover id, or None if the agency has none."""

    async def view(self, case_id: str) -> CaseView:
        """The case as it stands; `case_id` is one of ours, or one of a page's `touched`."""

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        """Take the case back. Raises CaseEnded if it is closed."""

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        """Tell of a payment the creditor received. The same key again changes nothing. Raises CaseEnded if the case is closed."""

    async def changes(self, cursor: str | None) -> ChangePage:
        """What happened since `cursor`, oldest first; None: from the beginning."""

    async def close(self) -> None:
        """Close connections."""


@runtime_checkable
class Writing(Protocol):
    """What an agency's adapter has besides, if its capabilities name messages."""

    async def send_message(self, case_id: str, message: Message) -> None:
        """Write to the agency about a case. The same key again changes nothing. Raises CaseEnded if the case is closed."""


@runtime_checkable
class Answering(Protocol):
    """What an agency's adapter has besides, if its capabilities name questions."""

    async def answer(self, case_id: str, answer: Answer) -> None:
        """Answer a question it asked. The same key again changes nothing. Raises CaseEnded if the case is closed."""


OpenAgency: TypeAlias = Callable[[AccountConfig], Agency]
"""Makes the adapter of an account."""
