"""The account nobody configured: what is meant for it waits until somebody does, and a recall still cancels it."""

from typing import Final, NoReturn

from connectors.delivery.agency import AccountConfig, Capabilities, CaseView, ChangePage, ReportedPayment, Submission
from connectors.delivery.errors import Unavailable

UNKNOWN: Final = "account_unknown"


class Absent:
    """Stands where an adapter would. The account's gate is shut, so nothing is asked of it; if it is, it is unavailable."""

    capabilities = Capabilities(
        agency="none",
        commands=frozenset(
            {"case.submit", "case.recall", "case.report_payment", "case.refresh", "case.send_message", "case.answer", "case.monitor"}
        ),
        asks_by_reference=True,
        feed=False,
    )

    async def check(self) -> None:
        self._refuse()

    async def submit(self, submission: Submission) -> CaseView:
        self._refuse()

    async def ask(self, handover_id: str) -> CaseView | None:
        self._refuse()

    async def view(self, case_id: str) -> CaseView:
        self._refuse()

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        self._refuse()

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        self._refuse()

    async def changes(self, cursor: str | None) -> ChangePage:
        self._refuse()

    async def close(self) -> None:
        """Nothing to close."""

    def _refuse(self) -> NoReturn:
        raise Unavailable("this account is not configured")


def absent_account(key: str) -> AccountConfig:
    """The account of a key that no settings name."""
    tenant, _, account = key.partition("/")
    return AccountConfig(tenant, account, "none", "test", "", "", "", paused=UNKNOWN)
