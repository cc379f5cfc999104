"""Words of the pages about what was sent to a debtor."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "pay_by_link": ("payment link", "Zahlungslink"),
    "pay_by_qr": ("QR code", "QR-Code"),
    "pay_by_barcode": ("bar code for cash in a shop", "Barcode für Barzahlung im Laden"),
    "attempt": ("attempt", "Versuch"),
    "of": ("of", "von"),
    "instalment": ("instalment", "Rate"),
    "signal_on": ("on", "an"),
    "signal_off": ("off", "aus"),
}
