"""Which agencies there are: the adapter of an account by its agency's name. A new agency adds a line."""

from collections.abc import Mapping
from typing import Final

from connectors.agencies.atriga.client import Atriga
from connectors.delivery.agency import OpenAgency

AGENCIES: Final[Mapping[str, OpenAgency]] = {"atriga": Atriga}
