"""What can go wrong with a broker of our own, told so that a person knows what to do next."""

from mahnlauf.failures import ClusterWrong


class BrokerError(ClusterWrong):
    """A broker could not be started, found or stopped; the message says what was wrong, where, and what to do."""


class PortTaken(BrokerError):
    """Somebody else took the port between our choosing it and the broker's opening it."""
