"""What the creditor's people may order, likely and unlikely."""

from typing import Any

from schemas import topics
from tests.auditor.telling import KEY, Telling


class Orders(Telling):
    """Events of escalation.instructions."""

    def _order(self) -> None:
        named = sorted({self._some_invoice() for _ in range(2)}) if self.rng.random() < 0.3 else None
        data: dict[str, Any] = {"by": "anna", "invoice_ids": named, "account": self.rng.choice((None, None, "fourth"))}
        data["despite_hold"] = True if self.rng.random() < 0.3 else None
        self._event(topics.INSTRUCTIONS, "handover.ordered", data)

    def _recall(self) -> None:
        self._event(topics.INSTRUCTIONS, "handover.recalled", {"by": "anna"})

    def _clear(self) -> None:
        contract = self.auditor.contracts.get(KEY)
        names = sorted(contract.attention.names) if contract is not None and contract.attention.names else ["rejected", "nothing"]
        self._event(topics.INSTRUCTIONS, "attention.cleared", {"by": "anna", "name": self.rng.choice(names)})

    def _instruct(self, kind: str, **data: Any) -> None:
        self._event(topics.INSTRUCTIONS, kind, {"by": "anna", **data})

    def _next_step(self) -> int:
        """Mostly the next step, sometimes another."""
        contract = self.auditor.contracts.get(KEY)
        row = {} if contract is None or contract.out.status is None else contract.out.status["data"]
        return (row.get("next_step") or 1) + (1 if self.rng.random() < 0.1 else 0)

    def _skip(self) -> None:
        self._instruct("step.skipped", step=self.rng.choice((None, self._next_step())))

    def _approve(self) -> None:
        self._instruct("step.approved", step=self._next_step())

    def _attempt(self) -> None:
        contract = self.auditor.contracts.get(KEY)
        attempt = 1 if contract is None or contract.calling is None else contract.calling.attempt
        outcome = self.rng.choice(("reached", "not_reached", "not_reached", "wrong_number", "refused"))
        self._instruct("call.attempted", attempt=attempt + (1 if self.rng.random() < 0.05 else 0), outcome=outcome)

    def _notice_failed(self) -> None:
        contract = self.auditor.contracts.get(KEY)
        notices = [] if contract is None else contract.out.notices
        known = str(self.rng.choice(notices)["id"]) if notices and self.rng.random() < 0.95 else "no such notice"
        self._instruct("notice.failed", notice_id=known, reason="returned")

    def _wish(self) -> None:
        """Something for the agency."""
        wishes: dict[str, dict[str, Any]] = {
            "case.refresh_ordered": {},
            "case.monitoring_ordered": {},
            "case.message_written": {"message_id": "m-1", "text": "hello"},
            "case.question_answered": {"question_id": "q", "answer": "yes"},
        }
        kind = self.rng.choice(list(wishes))
        self._instruct(kind, **wishes[kind])
