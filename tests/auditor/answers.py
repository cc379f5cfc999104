"""What an agency may answer, in order and out of it."""

from datetime import timedelta
from typing import Any

from schemas import topics
from tests.auditor.telling import KEY, Telling, written

CLOSES = ("paid", "settlement", "partial", "recalled", "insolvency", "uncollectible")


class Answers(Telling):
    """Events of collection.replies."""

    def _reply(self) -> None:
        data: dict[str, Any] = {"handover_id": self._handover(), "occurred_at": written(self.now - self._before())}
        data["case_id"] = "case-1" if self.rng.random() < 0.7 else None
        kinds = {
            "case.passed": 6,
            "case.accepted": 6,
            "case.rejected": 3,
            "case.phase_changed": 6,
            "case.payment_received": 8,
            "case.closed": 7,
            "case.submission_unknown": 1,
            "case.failed": 1,
            "case.message_received": 1,
            "case.question_asked": 1,
            "case.document_added": 1,
        }
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        self._event(topics.REPLIES, kind, data | self._reply_data(kind))

    def _reply_data(self, kind: str) -> dict[str, Any]:
        if kind == "case.phase_changed":
            phase = self.rng.choice(("first_dunning", "second_dunning", "collection"))
            stage = self.rng.choice((None, "extrajudicial", "enforcement", "long_term_monitoring", "moon"))
            return {"phase": phase, "stage": stage, "dunning_level": self.rng.choice((None, 1, 5))}
        if kind == "case.payment_received":
            amount = self._amount() if self.rng.random() < 0.8 else -self._amount()
            return {"payment_id": self._new("A"), "amount": amount, "value_date": str(self._money_day())}
        if kind == "case.closed":
            return {"outcome": self.rng.choice(("successful", "unsuccessful")), "reason": self.rng.choice(CLOSES)}
        fixed: dict[str, dict[str, Any]] = {
            "case.passed": {"agency": "atriga"},
            "case.accepted": {"agency": "atriga"},
            "case.rejected": {"reasons": [{"code": "address"}]},
            "case.submission_unknown": {"reason": "timeout"},
            "case.failed": {"reason": "debtor_missing"},
            "case.message_received": {"message_id": "m", "text": "hello"},
            "case.question_asked": {"question_id": "q", "text": "?", "answer_type": "text"},
            "case.document_added": {"document_id": "d", "kind": "letter", "link": "https://agency.example/d"},
        }
        return fixed[kind]

    def _handover(self) -> str:
        contract = self.auditor.contracts.get(KEY)
        known = [] if contract is None else [one.handover_id for one in contract.handovers]
        if not known or self.rng.random() < 0.05:
            return "00000000-0000-4000-8000-000000000000"
        return known[-1] if self.rng.random() < 0.8 else self.rng.choice(known)

    def _before(self) -> timedelta:
        return timedelta(days=self.rng.choice((1, 3, 10))) if self.rng.random() < 0.15 else timedelta(minutes=5)
