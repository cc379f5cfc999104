"""Which agencies there are: the adapter of an account by its agency's name. A new agency adds a line."""

from collections.abc import Mapping
from typing import Final

from connectors.agencies.atriga.client import Atriga
from connectors.agencies.atriga.webhook import verify as atriga
from connectors.agencies.debitura.client import Debitura
from connectors.agencies.debitura.webhook import verify as debitura
from connectors.agencies.mediafinanz.client import Mediafinanz
from connectors.agencies.paywise.client import Paywise
from connectors.agencies.paywise.webhook import verify as paywise
from connectors.agencies.prokur.client import Prokur
from connectors.delivery.agency import OpenAgency
from connectors.delivery.webhook import Webhook

AGENCIES: Final[Mapping[str, OpenAgency]] = {
    "atriga": Atriga,
    "debitura": Debitura,
    "mediafinanz": Mediafinanz,
    "paywise": Paywise,
    "prokur": Prokur,
}

BY_FILES: Final = frozenset({"prokur"})
"""Agencies whose address is a folder (file:///path), not a host."""

SANDBOX_PATHS: Final[Mapping[str, str]] = {
    "debitura": "/debitura",
    "mediafinanz": "/mediafinanz",
    "paywise": "/paywise",
}
"""Where an agency stands in `connectors/sandbox/`; one that is not named here stands at its root."""

WEBHOOKS: Final[Mapping[str, Webhook]] = {"atriga": atriga, "debitura": debitura, "paywise": paywise}
"""How each agency that tells by webhook signs."""
