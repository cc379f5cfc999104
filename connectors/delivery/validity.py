"""What can be told about a handover before it is sent, named by its field: nothing leaves that the agency would refuse anyway.

An adapter puts its agency's demands together from these and adds its own.
"""

from collections.abc import Iterable, Iterator

from connectors.delivery.agency import Submission
from connectors.delivery.errors import Reason, SubmissionRejected


def require(reasons: Iterable[Reason]) -> None:
    """Raises SubmissionRejected with all that is wrong, if anything is."""
    if found := tuple(reasons):
        raise SubmissionRejected(found)


def address(submission: Submission, *, postal_code: bool = True) -> Iterator[Reason]:
    """An address to write to; the agency takes the first."""
    addresses = submission.debtor.addresses
    if not addresses:
        yield Reason("address_incomplete", field="debtor.addresses")
    elif postal_code and not addresses[0].postal_code:
        yield Reason("address_incomplete", field="debtor.addresses[0].postal_code")


def country(submission: Submission) -> Iterator[Reason]:
    """A country as ISO 3166-1 alpha-2."""
    if submission.debtor.addresses and not _is_country(submission.debtor.addresses[0].country):
        yield Reason("data_invalid", field="debtor.addresses[0].country")


def _is_country(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()


def name(submission: Submission) -> Iterator[Reason]:
    """A company's name, or a person's first and last name."""
    debtor = submission.debtor
    if debtor.company or (debtor.first_name and debtor.last_name):
        return
    needed = ("company",) if debtor.kind == "business" and not debtor.last_name else ("first_name", "last_name")
    for part in needed:
        if not getattr(debtor, part):
            yield Reason("data_invalid", field=f"debtor.{part}")


def claims(submission: Submission, most: int) -> Iterator[Reason]:
    """At least one claim, `most` at most, each with something open."""
    found = submission.data.claims
    if not 1 <= len(found) <= most:
        yield Reason("data_invalid", field="claims")
    for number, claim in enumerate(found):
        if claim.open == 0:
            yield Reason("amount_too_low", field=f"claims[{number}].open")
