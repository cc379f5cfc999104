"""The auditor: input lines in, expected records out. Reads lines with `schemas`, keeps one `Contract` a key."""

import json
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.codec import UnknownType, Unreadable, decode
from schemas.timers import ClockTicked, PaymentsImported, PolicyApplied, TenantConfigured
from tests.auditor.case import Contract
from tests.auditor.settings import Settings


class Auditor:
    """Applies lines `{"topic", "key", "value"}` in the order given."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.contracts: dict[str, Contract] = {}
        self.forgotten: list[Contract] = []
        self.last_tick: datetime | None = None
        self.dead_letters: list[dict[str, Any]] = []

    def apply(self, line: dict[str, Any]) -> None:
        topic, key = line["topic"], line["key"]
        value = json.dumps(line["value"]).encode()
        try:
            event = decode(topic, value, key=None if key is None else key.encode())
        except UnknownType:
            if topic not in topics.BILLING_INPUTS:
                self._unreadable(topic, key, line["value"], "unknown type")
        except Unreadable as error:
            self._unreadable(topic, key, line["value"], error.reason)
        else:
            if topic == topics.TIMERS:
                self._timer(event)
            else:
                self._event(topic, key, event)

    def _unreadable(self, topic: str, key: str | None, value: Any, reason: str) -> None:
        contract = self.contracts.get(key or "")
        self._note(topic, value.get("id"), reason)
        if contract is not None:
            contract.poisoned(topic, value.get("id"))

    def _note(self, topic: str, event_id: str | None, reason: str) -> None:
        self.dead_letters.append({"topic": topic, "id": event_id, "reason": reason})

    def _timer(self, event: Any) -> None:
        if isinstance(event, PolicyApplied):
            self.settings.apply(event.data.tenant, event.data.content)
        elif isinstance(event, TenantConfigured):
            self.settings.tenants[event.data.tenant] = event.data
        elif isinstance(event, PaymentsImported):
            known = self.settings.payments_until
            known[event.data.tenant] = max(event.data.until, known.get(event.data.tenant, event.data.until))
        elif isinstance(event, ClockTicked) and (self.last_tick is None or event.data.now >= self.last_tick):
            self.last_tick = event.data.now
            for key in sorted(self.contracts):
                if self.contracts[key].tick(event.data.now):
                    self.forgotten.append(self.contracts.pop(key))

    def _new(self, key: str) -> Contract:
        """One of which nothing is known; of one that was forgotten, the numbers go on."""
        contract = Contract(key, self.settings)
        earlier = [one for one in self.forgotten if one.key == key]
        if earlier:
            contract.cycle, contract.out.version = earlier[-1].cycle + 1, earlier[-1].out.version
        return contract

    def _event(self, topic: str, key: str, event: Any) -> None:
        contract = self.contracts.get(key) or self._new(key)
        for refused_topic, event_id, reason in contract.receive(topic, event):
            self._note(refused_topic, event_id, reason)
        if contract.out.status is not None:
            self.contracts[key] = contract
