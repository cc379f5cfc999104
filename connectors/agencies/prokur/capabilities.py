"""What Prokur can do by files. Nothing tells of a recall, a payment or a message by file, so none is claimed; nobody logs in to a
folder, so no credentials can be asked about."""

from connectors.delivery.agency import Capabilities

CAPABILITIES = Capabilities(
    agency="prokur",
    commands=frozenset({"case.submit", "case.refresh"}),
    asks_by_reference=True,
    feed=True,
    currencies=frozenset({"EUR"}),
    validates=False,
)
