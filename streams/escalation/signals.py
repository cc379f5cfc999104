"""Signals: on with a step, off when nothing that they covered is open any more (`escalation.md` 4, signal)."""

from streams.escalation import notices
from streams.escalation.ladder import Position
from streams.escalation.state import SignalOn
from streams.escalation.turn import Turn


def switch_on(turn: Turn, name: str, positions: tuple[Position, ...], covered: tuple[str, ...]) -> None:
    """Switch a signal on; one that is on already covers what it covered before, too."""
    before = {one.name: one.covered for one in turn.contract.signals}
    before[name] = tuple(dict.fromkeys((*before.get(name, ()), *covered)))
    turn.set(signals=tuple(SignalOn(*one) for one in sorted(before.items())))
    notices.signal(turn, name, True, positions, covered)


def switch_off(turn: Turn) -> None:
    """Switch off what covers nothing that has principal open."""
    if not turn.contract.signals:
        return
    accounts = turn.books.accounts
    over = [one for one in turn.contract.signals if not any(accounts[invoice_id].open > 0 for invoice_id in one.covered)]
    if over:
        turn.set(signals=tuple(one for one in turn.contract.signals if one not in over))
        for one in over:
            notices.signal(turn, one.name, False, turn.view.overdue, ())
