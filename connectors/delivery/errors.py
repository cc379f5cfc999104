"""What can go wrong with an agency, by what is to be done about it.

The adapter chooses the class, because only it knows its agency's codes; whoever catches one reads its marks and never guesses. No message
repeats what an agency answered: an answer may hold person data.
"""

from dataclasses import dataclass


class AccountUnusable(ValueError):
    """What the account is configured with can't be sent by any request. The message names what it is, and repeats nothing of it."""


class AgencyError(Exception):
    """Base of all errors of an adapter.

    `again`: the same request may be answered otherwise later.
    `maybe_taken`: the agency may have acted on it, so it is asked about before anything is sent again.
    `reason`: short and stable, for a metric's label and for `case.failed`.
    """

    again = False
    maybe_taken = False
    reason = "agency_error"


class Unavailable(AgencyError):
    """The request did not reach the agency, or it only asked for something."""

    again = True
    reason = "agency_unavailable"


class AdapterFailed(Unavailable):
    """A mistake of our own code in an adapter, where no command is at hand that could tell a person of it."""

    reason = "connector_error"


class RateLimited(AgencyError):
    """The agency asks for patience; nothing was done. `after_s`: for how long, if it says so."""

    again = True
    reason = "rate_limited"

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class ResultUnknown(AgencyError):
    """The request left and no answer that can be understood came back."""

    again = True
    maybe_taken = True
    reason = "result_unknown"


class CredentialsRefused(AgencyError):
    """The agency does not know the account's credentials: nothing of the account can go until a person has mended them."""

    again = True
    reason = "credentials_refused"


class ModeMismatch(CredentialsRefused):
    """The account's credentials are of the other mode, or its mode has another address: nothing goes, not even as a try."""

    reason = "mode_mismatch"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an agency takes no case: a code of ours, the agency's own where ours is `other`, and the `field` that is to be mended."""

    code: str
    agency_code: str | None = None
    field: str | None = None

    @property
    def text(self) -> str | None:
        """What a person is told besides the code: the field, the agency's own code."""
        return ": ".join(part for part in (self.field, self.agency_code) if part) or None


class SubmissionRejected(AgencyError):
    """The agency has read the handover and does not take it. Never retried: a person mends the data and hands over anew."""

    reason = "rejected"

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__(", ".join(reason.text or reason.code for reason in reasons))
        self.reasons = reasons


class CaseEnded(AgencyError):
    """The case is closed at the agency, so there is nothing to be done on it; the agency's changes tell how it ended."""

    reason = "case_ended"


class TextSealed(AgencyError):
    """A text for the agency can't be opened: it was erased, or the key is not at hand."""

    reason = "text_unreadable"


class Refused(AgencyError):
    """The agency refuses the request for good, for a reason a person must look at."""

    reason = "agency_refused"
