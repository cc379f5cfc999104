"""The sandbox as people and tests direct it: its days, scripts, pages, and that a case's story follows from the case alone."""

import json
from pathlib import Path

import httpx
import pytest

from connectors.agencies.atriga.client import Atriga
from connectors.agencies.prokur.client import Prokur
from connectors.delivery.agency import AccountConfig, Passed
from connectors.sandbox.app import Sandbox, SandboxConfig, create_app
from connectors.sandbox.prokur import OURS, NotOurs
from connectors.sandbox.story import ADDRESS_REJECTED, by_rule
from connectors.sandbox.traffic import Account
from connectors.web import PortTaken
from tests.connectors.conftest import MakeSubmission
from tests.connectors.kit import address_at


async def test_its_clock_only_goes_forward(direct: httpx.AsyncClient) -> None:
    assert (await direct.post("/clock", json={"now": "2026-03-02T12:00:00Z"})).status_code == 200
    refused = await direct.post("/clock", json={"now": "2026-03-01T12:00:00Z"})
    assert (refused.status_code, refused.json()["message"]) == (409, "the clock stands at 2026-03-02T12:00:00Z")
    assert (await direct.get("/clock")).json()["now"] == "2026-03-02T12:00:00+00:00"


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/clock", {}, "now"),
        ("/clock", {"now": "2026-03-02T12:00:00"}, "now"),
        ("/script", {"story": [{"day": 1}]}, "story.0"),
        ("/faults", {"kind": "teapot"}, "kind"),
        ("/traffic", {"per_second": 0}, "per_second"),
    ],
)
async def test_a_direction_it_can_t_read_is_refused_with_the_field(
    direct: httpx.AsyncClient, path: str, body: dict[str, object], named: str
) -> None:
    answer = await direct.post(path, content=json.dumps(body))
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(named)


async def test_its_page_lists_every_case_with_how_often_it_was_sent_and_no_person(
    direct: httpx.AsyncClient, account: AccountConfig, submission: MakeSubmission
) -> None:
    agency = Atriga(account)
    for handover_id in ("h-1", "h-1", "h-2"):
        await agency.submit(submission(handover_id))
    await agency.close()
    page = await direct.get("/cases")
    assert [(case["reference"], case["submissions"], case["mode"]) for case in page.json()["cases"]] == [
        ("h-1", 2, "test"),
        ("h-2", 1, "test"),
    ]
    assert "Muster" not in page.text


async def test_test_and_live_mode_have_books_of_their_own(
    direct: httpx.AsyncClient, account: AccountConfig, submission: MakeSubmission, sandbox: Sandbox
) -> None:
    live = AccountConfig("acme", "main", "atriga", "live", sandbox.url, "10001", "s3cret")
    for config in (account, live):
        agency = Atriga(config)
        await agency.submit(submission())
        await agency.close()
    assert (await direct.get("/clock")).json()["cursors"] == {"10001/test": "1", "10001/live": "1"}


async def test_a_script_for_one_contract_wins_over_one_for_all(
    direct: httpx.AsyncClient, account: AccountConfig, submission: MakeSubmission, sandbox: Sandbox
) -> None:
    await direct.post("/script", json={"contract": "C-1", "story": [{"day": 0, "status": "Accepted"}]})
    await direct.post("/script", json={"story": [{"day": 0, "status": "Rejected", "reason": "INSOLVENCY"}]})
    agency = Atriga(account)
    await agency.submit(submission("h-1", "C-1"))
    await agency.submit(submission("h-2", "C-2"))
    await agency.close()
    assert [case.status for _, case in sandbox.world.cases()] == ["Accepted", "Rejected"]


def test_a_case_s_story_follows_from_the_case_alone() -> None:
    stories = {f"h-{number}": by_rule(f"h-{number}", has_postal_code=True) for number in range(200)}
    assert stories == {f"h-{number}": by_rule(f"h-{number}", has_postal_code=True) for number in range(200)}
    assert {story[-1].status for story in stories.values()} == {"SuccessfullyClosed", "UnsuccessfullyClosed"}
    assert by_rule("h-1", has_postal_code=False) == ADDRESS_REJECTED


async def test_a_port_that_is_taken_is_named(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rsplit(":", 1)[1])
    with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port}"):
        await Sandbox(SandboxConfig(port=port)).start()


async def test_it_keeps_each_account_to_its_limit_within_any_second_and_tells_what_came(direct: httpx.AsyncClient) -> None:
    (await direct.post("/traffic", json={"per_second": 3, "latency_ms": 1})).raise_for_status()
    ours = {"x-customer-number": "10001", "x-authentication-code": "s3cret", "x-mode": "test"}
    answers = [await direct.get("/v1/account", headers=ours) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "1"
    assert (await direct.get("/paywise/v2/companies/", headers={"authorization": "Bearer s3cret"})).status_code != 429
    told = (await direct.get("/traffic")).json()
    assert "s3cret" not in json.dumps(told)
    account = told["accounts"]["10001"]
    assert (account["requests"], account["busiest_second"], account["refused"]) == (4, 4, 1)
    assert account["operations"] == {"account": 4}


def test_a_second_is_any_second() -> None:
    moments = iter((0.0, 0.9, 1.05, 1.8))
    account = Account()
    within = [account.arrived("submit", moment, 2) for moment in moments]
    assert (within, account.busiest) == ([True, True, True, False], 3)


async def test_it_looks_into_the_folders_of_who_is_reached_by_files_and_no_file_breaks_it(
    direct: httpx.AsyncClient, sandbox: Sandbox, submission: MakeSubmission
) -> None:
    agency = Prokur(AccountConfig("acme", "main", "prokur", "test", address_at(sandbox, "prokur"), "10001", "any"))
    await agency.submit(submission())
    assert sandbox.folder is not None
    ours = sandbox.folder / "prokur" / "10001"
    for name, content in (("bytes", b"\xff\xfe"), ("live", b"reference;mode\r\nh-2;live\r\n"), ("empty", b'"')):
        (ours / "outgoing" / f"{name}.csv").write_bytes(content)
    assert [case["reference"] for case in (await direct.get("/cases")).json()["cases"]] == ["h-1"]
    taken = [path.relative_to(ours) for folder in ("outgoing", "taken", "refused") for path in sorted((ours / folder).iterdir())]
    assert [str(path) for path in taken] == ["taken/h-1.csv", "refused/bytes.csv", "refused/empty.csv", "refused/live.csv"]
    assert [change.what for change in (await agency.changes(None)).changes] == [Passed()]
    await agency.close()


def test_it_empties_a_folder_that_it_made_and_no_other(tmp_path: Path) -> None:
    old = tmp_path / "prokur" / "10001" / "outgoing" / "h-1.csv"
    create_app(folder=tmp_path)
    old.parent.mkdir(parents=True)
    old.touch()
    create_app(folder=tmp_path)
    assert not old.exists()
    (tmp_path / "prokur" / OURS).unlink()
    with pytest.raises(NotOurs, match="--folder"):
        create_app(folder=tmp_path)
    assert (tmp_path / "prokur" / "layout.json").exists()
