"""What paywise can do, as far as this adapter does it.

The feed tells what happened to orders and mandates, but a statement may come later than the change of state it belongs to, so a daily
refresh asks all the same. `requests_a_call`: a hand-over is four requests, a look at a case four and one for each of its statements.
"""

from connectors.delivery.agency import Capabilities

CAPABILITIES = Capabilities(
    agency="paywise",
    commands=frozenset({"case.submit", "case.recall", "case.report_payment", "case.refresh"}),
    asks_by_reference=True,
    feed=True,
    currencies=frozenset({"EUR"}),
    tells=frozenset({"case.document_added"}),
    webhook=True,
    feed_tells_all=False,
    requests_a_call=8,
)
