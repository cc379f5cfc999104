"""What the demo publishes: the generated stories, or a file's events with what the chain needs besides (a policy, debtors)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mahnlauf import event_lines, lines, stories
from mahnlauf.event_lines import Read
from mahnlauf.failures import BadInput
from mahnlauf.line_files import LineFiles
from mahnlauf.stories import Case
from schemas import topics

DAYS_AFTER: Final = 60
"""Days that pass after a file's last event, so that the chain comes to an end with most of it."""


@dataclass(frozen=True, slots=True)
class Cases:
    """`files` to publish; `policies` (paths of policy files) and `settings` (of a tenant file) count from `beginning`; `scripts` direct
    the sandbox; `exemplar` is the contract whose path is told (None: the one with the most changes)."""

    files: list[Path]
    tenants: list[str]
    without_policy: list[str]
    beginning: datetime
    until: date
    scripts: list[dict[str, Any]] = field(default_factory=list)
    exemplar: str | None = None
    described: int = 0
    """Debtors that were invented."""


def generated(folder: Path, told: list[Case] | None = None, until: date = stories.LAST_DAY) -> Cases:
    """The stories; fewer of them, or fewer days, where asked for."""
    told = list(stories.cases()) if told is None else told
    file = folder / "stories.jsonl"
    file.write_bytes(b"".join(stories.lines(told)))
    scripts = [{"contract": case.contract, "story": case.agency} for case in told if case.agency is not None]
    exemplar = next((f"{stories.TENANT}/{case.contract}" for case in told if case.story == stories.address_rejected.__name__), None)
    return Cases(
        files=[file],
        tenants=[stories.TENANT],
        without_policy=[stories.TENANT],
        beginning=datetime.combine(stories.FIRST_DUE - timedelta(days=30), datetime.min.time(), UTC),
        until=until,
        scripts=scripts,
        exemplar=exemplar,
    )


def from_file(file: Path, folder: Path, today: date) -> Cases:
    """A file's events. Tenants without a policy in the file get the demo's, contracts without a debtor an invented one. Raises BadInput."""
    seen, keys, described, policies = Read(), set[str](), set[str](), set[str]()
    with LineFiles([file]) as files:
        for found in event_lines.read(files, seen):
            key = (found.line.key or b"").decode(errors="replace")
            if found.line.topic == topics.DEBTORS:
                described.add(key)
            elif found.line.topic == topics.POLICIES:
                policies.add(key.partition("/")[0])
            elif "/" in key:
                keys.add(key)
    if seen.first_ms is None or seen.last_ms is None or not keys:
        raise BadInput(f"{file}: there is no contract's event with a time in it")
    first = lines.moment(seen.first_ms)
    debtors = folder / "debtors.jsonl"
    debtors.write_text("".join(_debtors(sorted(keys - described), first)))
    tenants = sorted({key.partition("/")[0] for key in keys})
    return Cases(
        files=[debtors, file] if keys - described else [file],
        tenants=tenants,
        without_policy=[tenant for tenant in tenants if tenant not in policies],
        beginning=first - timedelta(days=1),
        until=min(lines.moment(seen.last_ms).date() + timedelta(days=DAYS_AFTER), today - timedelta(days=1)),
        described=len(keys - described),
    )


def _debtors(keys: list[str], first: datetime) -> Iterator[str]:
    for number, key in enumerate(keys):
        tenant, _, contract = key.partition("/")
        address = {
            "street": f"Gartenweg {number % 120 + 1}",
            "postal_code": "60311",
            "city": "Frankfurt",
            "country": "DE",
            "source": "invented",
        }
        value = {
            "specversion": "1.0",
            "id": f"demo-debtor-{contract}"[:250],
            "source": "/demo",
            "type": "debtor.described",
            "subject": contract,
            "time": first.isoformat(),
            "tenant": tenant,
            "data": {"kind": "consumer", "first_name": "Alex", "last_name": f"Muster-{number + 1}", "addresses": [address]},
        }
        yield json.dumps({"topic": topics.DEBTORS, "key": key, "value": value}) + "\n"
