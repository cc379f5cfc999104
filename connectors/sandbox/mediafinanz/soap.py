"""mediafinanz's SOAP, by hand: one address, the call is the first element of the body, held to the WSDL's own schema both ways.

A refusal is a fault with HTTP 500, as SOAP 1.1 wants it (6.2). A document with a DTD is refused before anything of it is resolved.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.cases import Case, CaseIsClosed
from connectors.sandbox.days import written
from connectors.sandbox.faults import Faults, Handler, Operation, as_told
from connectors.sandbox.mediafinanz import books
from connectors.sandbox.mediafinanz.access import Clients
from connectors.sandbox.mediafinanz.books import Claims, Client

WSDL: Final = Path(__file__).parents[2] / "agencies" / "mediafinanz" / "encashment.wsdl"
PATH: Final = "/mediafinanz/soap/encashment"
NS: Final = "urn:mahnlauf:mediafinanz:encashment"
ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
BODY_BYTES_MAX: Final = 1_000_000

Element: TypeAlias = Any
Call: TypeAlias = Callable[[Client, Element, Request], Any]


class Refusal(Exception):
    """A fault instead of an answer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Soap:
    def __init__(self, claims: Claims, clients: Clients, faults: Faults) -> None:
        self._claims = claims
        self._clients = clients
        described = etree.parse(str(WSDL), _parser())
        self._schema = etree.XMLSchema(described.find("{http://schemas.xmlsoap.org/wsdl/}types")[0])
        self._wsdl = WSDL.read_text()
        self._handlers = {name: faults.around(operation, self._handler(call)) for name, (operation, call) in self._calls().items()}
        self._ask = faults.around("ask", self._handler(self._status))

    def routes(self) -> list[Route]:
        return [Route(PATH, self._answer, methods=["POST"]), Route(PATH, self._describe, methods=["GET"])]

    def _calls(self) -> dict[str, tuple[Operation, Call]]:
        return {
            "newClaim": ("submit", self._new),
            "getClaimStatus": ("case", self._status),
            "getClaimStatusChanges": ("changes", lambda client, _, request: self._batch(client, request, "S", "changes")),
            "getNewMessages": ("changes", lambda client, _, request: self._batch(client, request, "M", "messages")),
            "commitTransaction": ("other", lambda client, call, _: client.commit(_text(call, "transactionId"))),
            "getClaimHistory": ("case", lambda client, call, _: {"entries": books.history(_found(client, call))}),
            "getMessageHistory": ("case", self._messages),
            "sendMessage": ("message", self._write),
            "getClaimOptions": ("other", self._options),
            "getClaimAccountingSummary": ("case", self._accounting),
            "bookDirectPayment": ("payment", self._book),
            "closeClaim": ("recall", self._close),
            "getPayoutList": ("account", self._payouts),
        }

    async def _describe(self, request: Request) -> Response:
        """The WSDL, its address made this one."""
        location = str(request.url.replace(query=""))
        return Response(self._wsdl.replace("https://soap.mediafinanz.de/encashment204", location), media_type="text/xml")

    async def _answer(self, request: Request) -> Response:
        try:
            call = self._read(await request.body())
        except Refusal as refusal:
            return _fault(refusal)
        request.state.call = call
        name = etree.QName(call).localname
        by_reference = name == "getClaimStatus" and not _text(call, "claimIdentifier/{*}fileNumber")
        return await (self._ask if by_reference else self._handlers[name])(request)

    def _read(self, body: bytes) -> Element:
        """The call. Raises Refusal."""
        if len(body) > BODY_BYTES_MAX:
            raise Refusal("Client.Invalid", f"more than {BODY_BYTES_MAX} bytes")
        try:
            document = etree.fromstring(body, _parser())
        except (etree.LxmlError, ValueError):
            raise Refusal("Client.Invalid", "this is no XML") from None
        if document.getroottree().docinfo.doctype:
            raise Refusal("Client.Invalid", "no document type is taken")
        found = document.findall(f"{{{ENVELOPE}}}Body/*")
        if len(found) != 1 or found[0].tag not in {f"{{{NS}}}{name}" for name in self._handlers}:
            raise Refusal("Client.Invalid", "the body must hold one call")
        alone = etree.fromstring(etree.tostring(found[0]), _parser())
        if not self._schema.validate(alone):
            raise Refusal("Client.Invalid", f"{etree.QName(alone).localname}: not as the WSDL has it")
        return alone

    def _handler(self, do: Call) -> Handler:
        async def handled(request: Request) -> Response:
            call = request.state.call
            try:
                result = do(self._client(call), call, request)
            except Refusal as refusal:
                return _fault(refusal)
            except CaseIsClosed:
                return _fault(Refusal("Client.ClaimClosed", "the claim has ended"))
            return _envelope(_returned(etree.QName(call).localname, result))

        return handled

    def _client(self, call: Element) -> Client:
        name = _text(call, "auth/{*}clientId")
        if not self._clients.known_by_soap(name, _text(call, "auth/{*}licenceKey")):
            raise Refusal("Client.AuthenticationFailed", "clientId and licenceKey don't belong together")
        if _text(call, "auth/{*}sandbox") not in ("true", "1"):
            raise Refusal("Client.ModeMismatch", "this is a sandbox")
        return self._claims.client(name)

    def _new(self, client: Client, call: Element, request: Request) -> Any:
        if fault := getattr(request.state, "fault", None):
            return {"errorList": [f"{fault.field}: invalid"]}
        owed = Decimal(_text(call, "claim/{*}originalValue")) + Decimal(_text(call, "claim/{*}overdueFees") or 0)
        return {"fileNumber": books.file_number(self._claims.take(client, _text(call, "claim/{*}invoiceid"), books.minor(owed)))}

    def _status(self, client: Client, call: Element, request: Request) -> Any:
        case = _found(client, call)
        told = books.status_of(case)
        named = {"fileNumber": told["fileNumber"], "clientCustomerRefNo": told["clientCustomerRefNo"]}
        return {**named, "statusCode": told["statusCode"], "statusText": told["statusName"], "receivedAt": written(case.received_at)}

    def _batch(self, client: Client, request: Request, kind: str, name: str) -> Any:
        transaction, rows = client.batch(kind)
        return {"transactionId": transaction, name: as_told(request, rows)}

    def _messages(self, client: Client, call: Element, request: Request) -> Any:
        case = _found(client, call)
        return {"messages": books.messages(case) + client.sent.get(books.file_number(case), [])}

    def _write(self, client: Client, call: Element, request: Request) -> Any:
        case = _open(client, call)
        number = books.file_number(case)
        told = {"fileNumber": number, "clientCustomerRefNo": case.reference, "fromClient": True}
        client.sent.setdefault(number, []).append({**told, "text": _text(call, "message"), "time": written(self._claims.world.days.now)})
        return True

    def _options(self, client: Client, call: Element, request: Request) -> Any:
        running = not _found(client, call).closed
        return {"close": running, "lawyer": False, "factoring": False, "longTermObservation": False, "addressIdentification": False}

    def _accounting(self, client: Client, call: Element, request: Request) -> Any:
        case = _found(client, call)
        payouts = books.payouts(case)
        direct = client.payments.get(books.file_number(case), [])
        paid = sum((Decimal(payout["total"]) for payout in payouts), Decimal(0)) + sum(
            (Decimal(payment["paidAmount"]) for payment in direct), Decimal(0)
        )
        outstanding = Decimal(books.money(case.owed))
        sums = {"totalDebts": outstanding + paid, "paid": paid, "outstanding": outstanding, "currentPayout": 0, "sumPayout": 0}
        return {**sums, "payoutHistory": payouts, "directPayments": direct}

    def _book(self, client: Client, call: Element, request: Request) -> Any:
        case, number = _open(client, call), f"{len(client.payments)}"
        payment = {name: _text(call, f"directPayment/{{*}}{name}") for name in ("dateOfPayment", "paidAmount", "reference")}
        booked = client.payments.setdefault(books.file_number(case), [])
        self._claims.world.report(client.book, case, f"{number}/{len(booked)}", books.minor(Decimal(payment["paidAmount"])))
        booked.append({name: value for name, value in payment.items() if value})
        return True

    def _close(self, client: Client, call: Element, request: Request) -> Any:
        self._claims.world.recall(client.book, _found(client, call))
        return True

    def _payouts(self, client: Client, call: Element, request: Request) -> Any:
        return {"payouts": [payout for case in client.book.by_number.values() for payout in books.payouts(case)]}


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _text(call: Element, path: str) -> str:
    found = call.find(f"{{*}}{path}")
    return "" if found is None else (found.text or "").strip()


def _found(client: Client, call: Element) -> Case:
    case = client.claim(_text(call, "claimIdentifier/{*}fileNumber"), _text(call, "claimIdentifier/{*}clientCustomerRefNo"))
    if case is None:
        raise Refusal("Client.ClaimUnknown", "there is no such claim")
    return case


def _open(client: Client, call: Element) -> Case:
    case = _found(client, call)
    if case.closed:
        raise CaseIsClosed
    return case


def _returned(name: str, result: Any) -> Element:
    answer = etree.Element(f"{{{NS}}}{name}Response", nsmap={"t": NS})
    _put(answer, "return", result)
    return answer


def _put(parent: Element, name: str, value: Any) -> None:
    """`value` as an element: a mapping by its names, a list once for each, anything else as text."""
    if isinstance(value, list):
        for each in value:
            _put(parent, name, each)
        return
    element = etree.SubElement(parent, f"{{{NS}}}{name}")
    if isinstance(value, Mapping):
        for part, inner in value.items():
            _put(element, part, inner)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def _envelope(content: Element, status: int = 200) -> Response:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"s": ENVELOPE})
    etree.SubElement(envelope, f"{{{ENVELOPE}}}Body").append(content)
    return Response(etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"), status, media_type="text/xml")


def _fault(refusal: Refusal) -> Response:
    fault = etree.Element(f"{{{ENVELOPE}}}Fault", nsmap={"s": ENVELOPE})
    etree.SubElement(fault, "faultcode").text = f"s:{refusal.code}"
    etree.SubElement(fault, "faultstring").text = str(refusal)
    return _envelope(fault, 500)
