"""Words of the pages about money at agencies: what was claimed and paid, statements, and what an account's agency said last."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "money_of": ("What was claimed and paid", "Was gefordert und gezahlt wurde"),
    "claimed": ("Claimed", "Gefordert"),
    "claimed_of": ("Claimed from the debtor", "Vom Schuldner gefordert"),
    "handed_on": ("Handed over", "Übergeben"),
    "never_handed": (
        "It was never handed over; this is what the creditor claims now.",
        "Wurde nie übergeben; das fordert der Gläubiger jetzt.",
    ),
    "paid": ("Payments", "Zahlungen"),
    "paid_hint": (
        "Those since the handover: what the agency reported, what the debtor paid to the creditor directly, and what the agency remitted.",
        "Die seit der Übergabe: was das Inkasso meldete, was der Schuldner direkt an den Gläubiger zahlte und was das Inkasso auszahlte.",
    ),
    "no_payments": ("No payment since a handover.", "Keine Zahlung seit einer Übergabe."),
    "value_date": ("Value date", "Wertstellung"),
    "amount": ("Amount", "Betrag"),
    "what": ("What", "Was"),
    "sum": ("Sum", "Summe"),
    "payment_reported": ("Paid to the agency", "An das Inkasso gezahlt"),
    "payment_direct": ("Direct payment to the creditor", "Direktzahlung an den Gläubiger"),
    "payment_payout": ("Remitted by the agency", "Vom Inkasso ausgezahlt"),
    "withheld": ("Kept as fees", "Als Gebühr einbehalten"),
    "statement": ("Statement", "Abrechnung"),
    "payment_notes": ("Payment notes", "Zahlungsvermerke"),
    "no_notes": ("Nothing was said about payments.", "Zu Zahlungen wurde nichts vermerkt."),
    "on_its_way_until": ("A payment is on its way", "Eine Zahlung ist unterwegs"),
    "overdue_then": ("overdue then", "damals überfällig"),
    "account_rotated": (
        "The secret was changed. The account was checked with it before; connectors use it from now on, and not the old one.",
        "Das Kennwort wurde geändert. Das Konto wurde vorher damit geprüft; Konnektoren nutzen es ab jetzt, nicht mehr das alte.",
    ),
    "account_added": (
        "The account was added, and checked before. Connectors use it from now on.",
        "Das Konto wurde angelegt und vorher geprüft. Konnektoren nutzen es ab jetzt.",
    ),
    "account_paused": (
        "The account is paused. What is for its agency waits, and nothing is lost.",
        "Das Konto ist angehalten. Was für sein Inkasso bestimmt ist, wartet; nichts geht verloren.",
    ),
    "account_resumed": ("The account goes on.", "Das Konto arbeitet weiter."),
}
