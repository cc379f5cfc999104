"""The envelope around every event: CloudEvents 1.0 with `subject` (the contract) and the extension `tenant` (`events.md`)."""

from typing import Literal

from schemas.fields import Id, Moment, Tenant, Value
from schemas.ids import contract_key


class Envelope(Value):
    """What every event says of itself. `id` is unique per `source`."""

    specversion: Literal["1.0"] = "1.0"
    id: Id
    source: Id
    time: Moment


class ContractEnvelope(Envelope):
    """An event about one contract. Its record key is `<tenant>/<contract id>`."""

    subject: Id
    tenant: Tenant

    @property
    def key(self) -> str:
        """Key of the record that carries this event."""
        return contract_key(self.tenant, self.subject)


class OutputEnvelope(ContractEnvelope):
    """An event that the processor writes."""

    source: Id = "/mahnlauf/escalation"
