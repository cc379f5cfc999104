"""What is to be done with a command, given what the ledger knows of its handover. A table of decisions; no I/O."""

from enum import Enum, auto

from connectors.delivery.agency import Capabilities
from connectors.delivery.ledger import Handover, Standing
from schemas.commands import CaseAnswer, CaseSendMessage, CaseSubmit, CommandEvent


class Plan(Enum):
    """`SEND`: to the agency. `BEHIND`: parked behind what already waits. `CANCEL`: recalled unsent. `NOTHING`: it has no effect any more.

    The others are answered with case.failed and that reason.
    """

    SEND = auto()
    BEHIND = auto()
    CANCEL = auto()
    NOTHING = auto()
    NOT_SUPPORTED = "not_supported"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    HANDOVER_UNKNOWN = "handover_unknown"
    CASE_ENDED = "case_ended"


_RECALL: dict[Standing, Plan] = {
    "new": Plan.HANDOVER_UNKNOWN,
    "taken": Plan.SEND,
    "rejected": Plan.NOTHING,
    "failed": Plan.CANCEL,
    "unknown": Plan.SEND,
    "cancelled": Plan.NOTHING,
}
_ON_A_CASE: dict[Standing, Plan] = {
    "new": Plan.HANDOVER_UNKNOWN,
    "taken": Plan.SEND,
    "rejected": Plan.NOTHING,
    "failed": Plan.NOTHING,
    "unknown": Plan.SEND,
    "cancelled": Plan.NOTHING,
}


def plan(handover: Handover, command: CommandEvent, capabilities: Capabilities) -> Plan:
    """What to do with a command that comes from the outbox."""
    if handover.parked:
        return _while_parked(handover, command)
    return plan_alone(handover, command, capabilities)


def plan_alone(handover: Handover, command: CommandEvent, capabilities: Capabilities) -> Plan:
    """What to do with a command whose turn it is."""
    if command.type not in capabilities.commands:
        return Plan.NOT_SUPPORTED
    if isinstance(command, CaseSubmit):
        return _submit(handover, command, capabilities)
    found = Plan.NOTHING if handover.closed else (_RECALL if command.type == "case.recall" else _ON_A_CASE)[handover.standing]
    return Plan.CASE_ENDED if found is Plan.NOTHING and of_a_person(command) else found


def of_a_person(command: CommandEvent) -> bool:
    """Whether somebody's own words are in it. That a case is closed is told by itself; that they were not delivered, by nobody else."""
    return isinstance(command, CaseAnswer) or (isinstance(command, CaseSendMessage) and command.data.text_key is None)


def _while_parked(handover: Handover, command: CommandEvent) -> Plan:
    """A submit that surely did not leave is cancelled by its recall; one that may have left is asked about first. A refresh does not wait:
    tomorrow's would say the same."""
    if command.type == "case.refresh":
        return Plan.NOTHING
    unsent = handover.intent is None and handover.waits("case.submit")
    return Plan.CANCEL if unsent and command.type == "case.recall" else Plan.BEHIND


def _submit(handover: Handover, command: CaseSubmit, capabilities: Capabilities) -> Plan:
    if handover.standing != "new":
        return Plan.NOTHING
    if handover.intent is None and handover.waits("case.recall"):
        return Plan.CANCEL
    if capabilities.currencies is not None and command.data.currency not in capabilities.currencies:
        return Plan.CURRENCY_NOT_SUPPORTED
    return Plan.SEND
