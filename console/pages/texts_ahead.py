"""Words of a policy's preview."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "preview": ("Preview", "Vorschau"),
    "days_ahead": ("Days ahead", "Tage voraus"),
    "days": ("days", "Tage"),
    "preview_hint": (
        "A preview sends nothing. For more than 20,000 contracts: mahnlauf policy preview FILE --days 90.",
        "Eine Vorschau versendet nichts. Für mehr als 20.000 Verträge: mahnlauf policy preview DATEI --days 90.",
    ),
    "ahead": ("What would be sent from", "Was hinausginge ab"),
    "ahead_hint": ("If nothing else comes in: no payment, no new invoice.", "Wenn sonst nichts kommt: keine Zahlung, keine neue Rechnung."),
    "touched": ("of them get something", "davon erhalten etwas"),
    "bound": ("go by this policy at the end", "gehen am Ende nach diesen Regeln"),
    "with_policy": ("with this policy", "mit diesen Regeln"),
    "as_it_is": ("as it is now", "wie es jetzt ist"),
    "by_week": ("By week", "Nach Wochen"),
    "week_from": ("Week from", "Woche ab"),
    "nothing_ahead": ("Nothing would be sent in these days.", "In diesen Tagen ginge nichts hinaus."),
}
