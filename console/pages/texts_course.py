"""Words of the overview about how far contracts come and what agencies bring back."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "course": ("From falling due to closed", "Von der Fälligkeit bis zum Abschluss"),
    "course_hint": (
        "How often contracts went each step. Of reminders, each that was sent; percent of all that fell due.",
        "Wie oft Verträge jeden Schritt gingen. Bei Erinnerungen jede, die versandt wurde; Prozent von allem, was fällig wurde.",
    ),
    "step": ("Step", "Schritt"),
    "lately": ("Last 12 months", "Letzte 12 Monate"),
    "ever": ("In all", "Insgesamt"),
    "share": ("Share", "Anteil"),
    "fell_due": ("Fell due", "Fällig geworden"),
    "reminded_1": ("First reminder", "Erste Erinnerung"),
    "reminded_2": ("Second reminder", "Zweite Erinnerung"),
    "reminded_3": ("Third reminder", "Dritte Erinnerung"),
    "settled_before": ("Settled before an agency", "Erledigt vor dem Inkasso"),
    "handed_over": ("Handed over", "Übergeben"),
    "not_taken": ("Rejected by the agency", "Vom Inkasso abgelehnt"),
    "closed_successful": ("Closed successfully", "Erfolgreich abgeschlossen"),
    "closed_unsuccessful": ("Closed without success", "Erfolglos abgeschlossen"),
    "recovery": ("What agencies brought back", "Was Inkasso zurückbrachte"),
    "recovery_hint": (
        "Claimed at the handover, with costs and interest; paid since, to the agency or directly. "
        "Days from the handover until half of the money had come.",
        "Gefordert bei der Übergabe, mit Kosten und Zinsen; seitdem gezahlt, an das Inkasso oder direkt. "
        "Tage von der Übergabe, bis die Hälfte des Geldes da war.",
    ),
    "handovers": ("Handovers", "Übergaben"),
    "recovery_rate": ("Recovery rate", "Erfolgsquote"),
    "days_to_payment": ("Days to payment", "Tage bis zur Zahlung"),
}
