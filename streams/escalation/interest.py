"""What a policy's `interest` means for one contract: the rate, from which day each receivable bears it, which days are free, and what a
handover says of it (`escalation.md` 2). The reckoning itself is in `accrual`.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from schemas.policy import FixedInterest
from streams.escalation import ladder
from streams.escalation.accounts import Account
from streams.escalation.accrual import RATES_END_ON, Interest, Pause
from streams.escalation.calendar import ONE_DAY
from streams.escalation.holds import Span
from streams.escalation.law.interest import MICROPERCENT, fixed_micropercent, statutory_micropercent
from streams.escalation.ledger import Books
from streams.escalation.settings import Rules, Terms
from streams.escalation.state import Contract, Standing

MORATORIUM = "statutory_moratorium"
"""The kind of hold whose days bear no interest."""
THIRTY_DAYS = timedelta(days=30)


def asked(terms: Terms, contract: Contract, stated: Sequence[Span], today: date) -> Interest | None:
    """What the policy in force asks for, or None. `stated` is what holds whatever is owed: plans, which follow from the books, hold no
    interest up."""
    policy, rules = terms.rules.policy, terms.rules
    if policy.interest is None:
        return None
    return Interest(
        today=today,
        micropercent=fixed_micropercent(policy.interest.percent) if isinstance(policy.interest, FixedInterest) else None,
        business=terms.debtor_kind == "business",
        default_on=lambda account: _bears_after(contract, rules, account),
        pauses=tuple(Pause(span.invoice_id, span.begin, span.end) for span in stated if span.kind == MORATORIUM),
    )


def default_on(contract: Contract, rules: Rules, account: Account) -> date | None:
    """The day on which default began (BGB 286), as the policy reckons it; None if it did not."""
    invoice_id = account.invoice.invoice_id
    if rules.default == "first_reminder":
        return min(reminded_on(contract, invoice_id), default=None)
    if rules.default == "thirty_days":
        return rules.working_days.next(account.due_on + THIRTY_DAYS)
    standing = next((one for one in contract.standings if one.invoice_id == invoice_id), Standing(invoice_id))
    return ladder.due_day(account, standing, rules)


def _bears_after(contract: Contract, rules: Rules, account: Account) -> date | None:
    """The day after which a receivable bears interest: default, and nothing before the end of its first breathing space."""
    default = default_on(contract, rules, account)
    end = next((one.end for one in contract.breathing_spaces if account.invoice.invoice_id in one.invoice_ids), None)
    return default if default is None or end is None else max(default, end - ONE_DAY)


def reminded_on(contract: Contract, invoice_id: str) -> list[date]:
    """Days of the reminders that covered a receivable; what was told of twice, in two moves, was sent once."""
    return sorted({reminder.day for reminder in contract.reminders if not reminder.skipped and invoice_id in reminder.covered})


def rate_missing_on(contract: Contract, rules: Rules, books: Books) -> date | None:
    """The first day on which something that is open may bear interest though no rate is known, or None."""
    if rules.policy.interest is None or isinstance(rules.policy.interest, FixedInterest) or RATES_END_ON is None:
        return None
    defaults = (_bears_after(contract, rules, account) for account in books.accounts.values() if account.open)
    first = min((day for day in defaults if day is not None), default=None)
    return None if first is None else max(first, RATES_END_ON) + ONE_DAY


def basis(terms: Interest, account: Account) -> dict[str, str]:
    """What RDG 13a asks for: the yearly rate on the day of the handover (the last that is known), and the base rate in it."""
    if terms.micropercent is not None:
        return {"kind": "fixed", "percent": _percent(terms.micropercent)}
    day = terms.today if RATES_END_ON is None else min(terms.today, RATES_END_ON)
    return {
        "kind": "statutory",
        "percent": _percent(statutory_micropercent(day, terms.points(account))),
        "base_rate_percent": _percent(statutory_micropercent(day, 0)),
    }


def _percent(micropercent: int) -> str:
    text = f"{Decimal(micropercent) / MICROPERCENT:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
