"""Figures that a run tells at its end, also where every test passes: what the faults did, and what the audit found."""

TOLD: list[str] = []


def tell(text: str) -> None:
    """Print now (a failure shows it) and again in the summary."""
    print(text)
    TOLD.append(text)
