"""What the product itself tells an agency, by the text key of the command: no names, no amounts, so nothing here is to be sealed."""

from collections.abc import Mapping
from typing import Final

from schemas.commands import CaseSendMessageData

TEXTS: Final[Mapping[str, str]] = {
    "claim_changed": "Die Forderung hat sich geändert. Bitte gleichen Sie sie mit dem Gläubiger ab, bevor Sie fortfahren.",
    "disputed": "Der Schuldner bestreitet die Forderung. Bitte unternehmen Sie bis auf Weiteres keine Schritte.",
    "dispute_rejected": "Die Einwände gegen die Forderung haben sich nicht bestätigt. Bitte setzen Sie die Bearbeitung fort.",
    "insolvency": "Über das Vermögen des Schuldners ist ein Insolvenzverfahren eröffnet worden.",
    "deceased": "Der Schuldner ist verstorben.",
}


def text_of(data: CaseSendMessageData) -> str:
    """The words of a message: a person's, sealed as they came, else those of the text key; an unknown key is told as it stands."""
    return data.text or TEXTS.get(data.text_key or "", data.text_key or "")
