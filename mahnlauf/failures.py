"""How a command ends when it cannot do what was asked: a message for a person, an exit code for a script, never a stack trace.

Exit codes: 0 ok, 1 findings (audit, check), 2 usage or input, 3 cluster unreachable or wrong, 70 a defect of ours, 130 interrupted.
"""

FINDINGS = 1
USAGE = 2
CLUSTER = 3
DEFECT = 70
INTERRUPTED = 130


class CommandFailed(Exception):
    """Ends the command with `exit_code`; the message says what was wrong, where, and what to do."""

    exit_code = FINDINGS


class BadInput(CommandFailed):
    """What the user gave (arguments, files, settings) cannot be used."""

    exit_code = USAGE


class ClusterWrong(CommandFailed):
    """Kafka is not reachable, or not as it must be."""

    exit_code = CLUSTER
