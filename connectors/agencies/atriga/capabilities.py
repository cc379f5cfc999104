"""What atriga can do (see the folder's docstring: an assumption)."""

from connectors.delivery.agency import Capabilities

CAPABILITIES = Capabilities(
    agency="atriga",
    commands=frozenset({"case.submit", "case.recall", "case.report_payment", "case.refresh", "case.send_message", "case.answer"}),
    asks_by_reference=True,
    feed=True,
    currencies=None,
    tells=frozenset({"case.document_added", "case.message_received", "case.question_asked"}),
    webhook=True,
)
