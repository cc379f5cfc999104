"""SOAP as mediafinanz speaks it: zeep writes and reads by our own WSDL, `Wire` carries.

zeep itself never sends: the WSDL is a file of ours, nothing outside is fetched, and an answer with a DTD, entities or references to outside
is refused. Answers are read in a thread, because a long one takes seconds and the loop has others to serve. What stands in an answer is in
no error: zeep's own carry the whole body.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import zeep
from lxml import etree
from zeep.exceptions import Error, Fault
from zeep.helpers import serialize_object

from connectors.agencies.mediafinanz import mapping
from connectors.delivery.errors import AgencyError, CaseEnded, CredentialsRefused, ModeMismatch, Refused, ResultUnknown, Unavailable
from connectors.delivery.wire import Wire

WSDL: Final = Path(__file__).with_name("encashment.wsdl")

FAULTS: Final[Mapping[str, type[AgencyError]]] = {
    "Client.AuthenticationFailed": CredentialsRefused,
    "Client.ModeMismatch": ModeMismatch,
    "Client.ClaimClosed": CaseEnded,
}
"""Assumed: no fault code is public."""
CLAIM_UNKNOWN: Final = "Client.ClaimUnknown"
"""Assumed as well. Only this very code says that there is no such claim; any other fault says nothing of it."""


class ClaimUnknown(Refused):
    """There is no claim of this number or reference."""


@cache
def _described() -> Any:
    settings = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    return zeep.Client(str(WSDL), settings=settings)  # type: ignore[no-untyped-call]


class Soap:
    """Calls at `url`, each with `auth`. `guard` raises what keeps every call from being sent."""

    def __init__(self, wire: Wire, url: str, auth: Mapping[str, object], guard: Callable[[], None]) -> None:
        self._guard = guard
        self._wire = wire
        self._url = url
        self._auth = dict(auth)
        self._client = _described()

    async def ask(self, call: str, **arguments: object) -> Any:
        """What is returned, as plain values. Raises Unavailable, RateLimited, CredentialsRefused, Refused, ClaimUnknown, CaseEnded."""
        return await self._call(call, arguments, Unavailable)

    async def change(self, call: str, **arguments: object) -> Any:
        """As `ask`, for what may change something: ResultUnknown where it may have."""
        return await self._call(call, arguments, ResultUnknown)

    async def _call(self, call: str, arguments: Mapping[str, object], uncertain: type[AgencyError]) -> Any:
        self._guard()
        envelope = self._client.create_message(self._client.service, call, auth=self._auth, **arguments)
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{call}"'}
        answer = await self._wire.call(self._url, etree.tostring(envelope), headers, uncertain)
        try:
            return await asyncio.to_thread(self._read, call, answer)
        except Fault as fault:
            raise _refused(call, answer, fault, uncertain) from None
        except (Error, etree.LxmlError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise uncertain(f"{call}: HTTP {answer.status_code} with an answer that can't be read ({type(error).__name__})") from None

    def _read(self, call: str, answer: httpx.Response) -> Any:
        binding = self._client.service._binding
        return serialize_object(binding.process_reply(self._client, binding.get(call), answer), dict)  # type: ignore[no-untyped-call]


def _refused(call: str, answer: httpx.Response, fault: Fault, uncertain: type[AgencyError]) -> AgencyError:
    """A fault of the client's says that nothing was done; one of the server's, or none that can be read, says nothing."""
    code = str(fault.code or "").rpartition(":")[2]
    told = f"{call}: HTTP {answer.status_code} {mapping.agency_code(code) or ''}".strip()
    if code == CLAIM_UNKNOWN:
        return ClaimUnknown(told)
    if code in FAULTS:
        return FAULTS[code](told)
    return Refused(told) if code.split(".")[0] == "Client" else uncertain(told)
