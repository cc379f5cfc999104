"""What Debitura can do, as far as this adapter does it. `requests_a_call`: a case, its payments and its files."""

from connectors.delivery.agency import Capabilities

CAPABILITIES = Capabilities(
    agency="debitura",
    commands=frozenset({"case.submit", "case.refresh"}),
    asks_by_reference=True,
    feed=False,
    currencies=frozenset(
        {"AUD", "BGN", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HUF", "NOK", "NZD", "PLN", "RON", "SEK", "SGD", "USD", "ZAR"}
    ),  # those with two decimal places that its partners collect in; its document names none
    tells=frozenset({"case.document_added"}),
    webhook=True,
    requests_a_call=3,
)
