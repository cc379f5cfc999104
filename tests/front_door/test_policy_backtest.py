"""policy backtest: what two policies come to over the same past, counted by hand; and a report that needs nothing from elsewhere."""

import json
from collections import Counter
from datetime import date, time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mahnlauf.cli import app
from mahnlauf.failures import BadInput
from mahnlauf.policy_backtest import CANNOT_KNOW, Measures, measure, read
from mahnlauf.policy_charts import bars
from mahnlauf.policy_file import read_policy
from mahnlauf.policy_report import rows
from schemas import topics as names

NOON = time(12)
QUICK = """\
policy: quick
time_zone: Europe/Berlin
working_days_only: false
steps:
  - {kind: remind, day: 3, level: 1}
  - {kind: remind, day: 10, level: 2, fee: {EUR: 250}}
  - {kind: hand_over, day: 20}
"""
SLOW = QUICK.replace("quick", "slow").replace("day: 10", "day: 30").replace("day: 20", "day: 60").replace("day: 3,", "day: 14,")


def _event(topic: str, of: str, moment: str, contract: str, **data: Any) -> dict[str, Any]:
    value = {"specversion": "1.0", "id": f"{contract}{of}", "source": "/t", "type": of, "subject": contract, "tenant": "acme"}
    return {"topic": topic, "key": f"acme/{contract}", "value": {**value, "time": f"{moment}T09:00:00Z", "data": data}}


def _invoice(contract: str) -> dict[str, Any]:
    told = {"invoice_id": "R", "issued_on": "2026-01-01", "due_on": "2026-01-10", "amount": 10_000, "currency": "EUR"}
    return _event(names.INVOICES, "invoice.issued", "2026-01-01", contract, **told)


def _paid(contract: str, moment: str, amount: int = 10_000) -> dict[str, Any]:
    told = {"payment_id": f"P{contract}", "amount": amount, "currency": "EUR", "value_date": moment}
    return _event(names.PAYMENTS, "payment.received", moment, contract, **told)


PAST = (
    {"topic": names.POLICIES, "key": "acme/standard", "value": json.loads('{"policy":"standard","time_zone":"UTC","steps":[]}')},
    _event(names.CONTRACTS, "contract.configured", "2026-01-01", "C-1", policy="standard"),
    *(_invoice(contract) for contract in ("C-1", "C-2", "C-3", "C-4")),
    _paid("C-1", "2026-01-09"),
    _paid("C-2", "2026-01-16"),
    _paid("C-3", "2026-01-25", 10_250),
    _paid("C-4", "2026-02-20", 1),
)
"""Due on Saturday the 10th, overdue from the 11th (no calendar): C-1 pays in time, C-2 after 5 days, C-3 after 14, C-4 almost nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quick.yaml").write_text(QUICK)
    (tmp_path / "slow.yaml").write_text(SLOW)
    (tmp_path / "past.jsonl").write_text("".join(json.dumps(line) + "\n" for line in PAST))
    return tmp_path


def _measured(folder: Path, name: str) -> Measures:
    events, span = read([folder / "past.jsonl"], None, NOON)
    assert (span.first, span.until) == (date(2026, 1, 1), date(2026, 2, 20))
    return measure(name, events, read_policy(folder / f"{name}.yaml"), span)


def test_the_quick_policy_counted_by_hand(folder: Path) -> None:
    """Steps on the 13th, 20th and 30th."""
    found = _measured(folder, "quick")
    assert (found.contracts, found.escalated, found.unpaid) == (4, 3, 1)
    assert (found.sent["reminder 1"], found.sent["reminder 2"], found.sent["handover"], found.letters) == (3, 2, 1, 5)
    assert (found.fees, found.handed_over) == (Counter(EUR=500), Counter(EUR=10_000))
    assert sorted(found.days_to_payment) == [4, 13]  # from the tick at noon of the 11th to 9 o'clock
    assert found.paid_after == Counter({"reminder 1": 1, "reminder 2": 1})
    assert found.by_month["2026-01", "reminder 1"] == 3


def test_the_slow_policy_counted_by_hand(folder: Path) -> None:
    """Steps on the 24th of January, the 9th of February and the 11th of March: after the last event."""
    found = _measured(folder, "slow")
    assert (found.sent["reminder 1"], found.sent["reminder 2"], found.sent["handover"]) == (2, 1, 0)
    assert (found.fees, found.handed_over) == (Counter(EUR=250), Counter())
    assert found.paid_after == Counter({"nothing sent": 1, "reminder 1": 1})
    assert sorted(found.days_to_payment) == [4, 13]


def test_what_is_paid_while_the_agency_has_it_is_paid_although_no_agency_answers(folder: Path) -> None:
    """The quick policy hands over on the 30th; the slow one reminds in between. C-5 pays on the 5th of February, with the fee."""
    with (folder / "past.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in (_invoice("C-5"), _paid("C-5", "2026-02-05", 10_250)))
    quick, slow = _measured(folder, "quick"), _measured(folder, "slow")
    assert sorted(quick.days_to_payment) == sorted(slow.days_to_payment) == [4, 13, 24]
    assert (quick.paid_after["handover"], slow.paid_after["handover"], slow.paid_after["reminder 1"]) == (1, 0, 2)
    assert (quick.unpaid, slow.unpaid) == (1, 1)


def test_the_policies_of_the_events_do_not_count(folder: Path) -> None:
    """The file's own policy has no steps; were it followed, nothing would be sent."""
    configured = json.dumps(
        {
            "specversion": "1.0",
            "id": "t",
            "source": "/t",
            "type": "tenant.configured",
            "time": "2026-01-01T00:00:00Z",
            "data": {"tenant": "acme", "default_policy": "standard"},
        }
    )
    with (folder / "past.jsonl").open("a") as file:
        file.write(f'{{"topic": "{names.TIMERS}", "key": null, "value": {configured}}}\n')
    assert _measured(folder, "quick").letters == 5


def _run(folder: Path, *more: str) -> Any:
    files = [str(folder / name) for name in ("quick.yaml", "slow.yaml")]
    return CliRunner().invoke(app, ["policy", "backtest", *files, "--events", str(folder / "past.jsonl"), *more], catch_exceptions=False)


def test_side_by_side_with_what_it_cannot_know(folder: Path) -> None:
    told = _run(folder)
    assert told.exit_code == 0
    assert [" ".join(line.split()) for line in told.stdout.splitlines() if line.strip().startswith(("letters", "fees"))] == [
        "letters 5 3",
        "fees of steps 5.00 EUR 2.50 EUR",
    ]
    assert "How debtors would have reacted" in told.stderr
    data = json.loads(_run(folder, "--json").stdout)
    assert [one["letters"] for one in data["policies"]] == [5, 3]
    assert data["cannot_know"] == list(CANNOT_KNOW)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.elsewhere: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.elsewhere += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_one_file_with_plots_and_plain_words(folder: Path) -> None:
    _run(folder, "--html", str(folder / "report.html"))
    elements = _Elements()
    elements.feed((folder / "report.html").read_text())
    assert (elements.found["svg"], elements.found["script"], elements.found["link"], elements.elsewhere) == (4, 0, 0, [])
    assert all(words in elements.text for words in CANNOT_KNOW)
    for row in rows([_measured(folder, "quick"), _measured(folder, "slow")]):
        assert row[0] in elements.text
    assert "2026-01, " in elements.text


def test_bars_grow_with_their_values_and_no_value_is_no_bar() -> None:
    drawn = bars("t", ["a", "b<"], [("one", [10, 5]), ("two", [0, 10])])
    heights = [float(part.split('"')[0]) for part in drawn.split('height="')[1:]]
    assert heights == [184.0, 92.0, 0.0, 184.0]
    assert "b&lt;" in drawn
    assert "svg" in bars("nothing", [], [("one", [])])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--until", "2025-12-31"), "lies before the first event"),
        (("--html", "/nowhere/r.html"), "--html /nowhere/r.html: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told(folder: Path, more: tuple[str, ...], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        _run(folder, *more)
