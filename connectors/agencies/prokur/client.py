"""Prokur by files: each call reads or writes the account's folder, and answers in our words or by one typed error. Nothing is repeated.

One thread does it all, one call after another: a mount that hangs holds no other account, and a call that was given up while it hung can't
be overtaken by its own repetition.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, TypeVar

from connectors.agencies.prokur import feed, layout, mapping, sheet
from connectors.agencies.prokur.capabilities import CAPABILITIES
from connectors.agencies.prokur.folder import Folder, refused
from connectors.agencies.prokur.layout import Layout
from connectors.delivery import validity
from connectors.delivery.agency import AccountConfig, CaseView, ChangePage, ReportedPayment, Submission
from connectors.delivery.errors import AgencyError, Reason, Refused, ResultUnknown, SubmissionRejected, Unavailable
from connectors.delivery.wire import ANSWER_S

Found = TypeVar("Found")


class Prokur:
    """An account at Prokur: `url` is file:///path, below it the folder of its customer number. `answer_s`: how long the file system is
    waited for. Raises AccountUnusable."""

    capabilities = CAPABILITIES

    def __init__(self, account: AccountConfig, *, answer_s: float = ANSWER_S) -> None:
        self._root = layout.root_of(account)
        self._folder = Folder(self._root / layout.customer_of(account))
        self._mode = account.mode
        self._answer_s = answer_s
        self._one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prokur")

    async def check(self) -> None:
        await self._done(self._opened, Unavailable)

    async def submit(self, submission: Submission) -> CaseView:
        validity.require(mapping.problems(submission))
        await self._done(lambda: self._place(submission), ResultUnknown)
        reference = submission.handover_id
        return CaseView(reference, reference, submission.submitted_at, False, False, frozenset(), ())

    async def ask(self, handover_id: str) -> CaseView | None:
        if not mapping.REFERENCE.fullmatch(handover_id):
            return None  # none such is ever placed
        return await self._done(lambda: feed.view(self._folder, self._opened(), handover_id), Unavailable)

    async def view(self, case_id: str) -> CaseView:
        found = await self.ask(case_id)
        if found is None:
            raise Refused("no such handover was placed")
        return found

    async def recall(self, case_id: str, key: str, reason: str) -> None:
        _not_by_file()

    async def report_payment(self, case_id: str, payment: ReportedPayment) -> None:
        _not_by_file()

    async def changes(self, cursor: str | None) -> ChangePage:
        return await self._done(lambda: feed.page(self._folder, self._opened(), cursor), Unavailable)

    async def close(self) -> None:
        self._one_at_a_time.shutdown(wait=False, cancel_futures=True)

    def _opened(self) -> Layout:
        """The layout as it is now; it proves that the folder is there, so what is missing below may be made."""
        found = layout.read(self._root, self._mode)
        self._folder.make()
        return found

    def _place(self, submission: Submission) -> None:
        try:
            how = self._opened()
        except OSError as error:
            raise Unavailable(f"the account's folder: {refused(error)}") from None
        try:
            content = sheet.written(mapping.row_of(submission, self._mode), how)
        except sheet.NotInEncoding as error:
            raise SubmissionRejected((Reason("data_invalid", field=mapping.FIELDS.get(error.column, error.column)),)) from None
        self._folder.place(submission.handover_id, how.suffix, content, submission.submitted_at)

    async def _done(self, work: Callable[[], Found], uncertain: type[AgencyError]) -> Found:
        """What comes of `work`. `uncertain` is raised where it did not end in time."""
        try:
            async with asyncio.timeout(self._answer_s):
                return await asyncio.get_running_loop().run_in_executor(self._one_at_a_time, work)
        except TimeoutError:
            raise uncertain("the account's folder does not answer") from None
        except OSError as error:
            raise Unavailable(f"the account's folder: {refused(error)}") from None


def _not_by_file() -> NoReturn:
    raise Refused("nothing tells Prokur of this by file: write to them")
