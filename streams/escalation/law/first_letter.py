"""What an agency's first letter to a private person must say (RDG 13a), and where a handover carries it (`domain.md` 6)."""

from collections.abc import Collection
from typing import Final, NamedTuple


class Demand(NamedTuple):
    """`carried_by`: the field of case.submit or debtor.described from which the agency has it."""

    name: str
    carried_by: str


SOURCE: Final = "RDG 13a"
DEMANDS: Final = (
    Demand("creditor_name", "case.submit creditor.name"),
    Demand("creditor_address", "case.submit creditor.address"),
    Demand("ground_of_claim", "case.submit claims[].invoice_id, number"),
    Demand("contract_subject", "case.submit claims[].subject_matter"),
    Demand("contract_date", "case.submit claims[].issued_on"),
    Demand("interest_basis", "case.submit interest_basis"),
    Demand("costs", "case.submit claims[].costs, expected_agency_costs"),
    Demand("vat_deduction", "case.submit creditor.vat_deduction"),
    Demand("address_source", "debtor.described addresses[].source"),
    Demand("debtor_kind", "case.submit debtor_kind"),
)


def missing(stated: Collection[str]) -> tuple[Demand, ...]:
    """The demands that what is stated (their names) leaves open."""
    return tuple(demand for demand in DEMANDS if demand.name not in stated)
