"""What mediafinanz can do, as far as this adapter does it. `requests_a_call`: a case is its status, history, accounting and messages; a
look at the feed commits two transactions and fetches two."""

from connectors.delivery.agency import Capabilities

CAPABILITIES = Capabilities(
    agency="mediafinanz",
    commands=frozenset({"case.submit", "case.recall", "case.report_payment", "case.refresh", "case.send_message"}),
    asks_by_reference=True,
    feed=True,
    currencies=frozenset({"EUR"}),
    tells=frozenset({"case.message_received"}),
    feed_tells_all=False,
    requests_a_call=4,
)
