"""Prokur's files: one file a handover wherever a process ends, answers whatever they look like, and what a person reads of a wrong one."""

import asyncio
import csv
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.agencies.prokur import feed, sheet
from connectors.agencies.prokur.client import Prokur
from connectors.agencies.prokur.folder import FILE_BYTES_MAX, Folder
from connectors.agencies.prokur.layout import Layout
from connectors.delivery.agency import Accepted, AccountConfig, Change, ChangePage, Closed, PaymentReceived, Unmapped
from connectors.delivery.errors import AccountUnusable, ModeMismatch, Refused, ResultUnknown, SubmissionRejected, Unavailable
from tests.connectors.conftest import MakeSubmission
from tests.connectors.contract import changes_since
from tests.engine.kit import eventually

HEADER = "reference;moment;code;reason;amount;payment_id"
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lay(tmp_path)
    (tmp_path / "10001" / "incoming").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def account(root: Path) -> AccountConfig:
    return AccountConfig("acme", "main", "prokur", "test", root.as_uri(), "10001", "none")


@pytest.fixture
async def agency(account: AccountConfig) -> AsyncIterator[Prokur]:
    agency = Prokur(account)
    yield agency
    await agency.close()


def lay(root: Path, **changed: Any) -> None:
    (root / "layout.json").write_text(json.dumps({"mode": "test", **changed}))


def answer(root: Path, *lines: str, name: str = "a.csv", header: str = HEADER, encoding: str = "utf-8") -> Path:
    path = root / "10001" / "incoming" / name
    path.write_bytes("".join(f"{line}\r\n" for line in (header, *lines)).encode(encoding))
    return path


def outgoing(root: Path) -> list[Path]:
    return sorted((root / "10001" / "outgoing").iterdir())


def placed(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.glob("*/outgoing/*"))


def whats(page: ChangePage) -> list[Any]:
    return [change.what for change in page.changes]


# ---- a handover is one file


def _killed_at(number: int, folder: Path, work: Callable[[], None]) -> bool:
    """Do `work` in a process that is killed at its `number`th use of the folder; whether it was."""
    child = os.fork()
    if child == 0:
        left = [number]

        def used(event: str, args: tuple[Any, ...]) -> None:
            if event in ("open", "os.rename") and str(args[0]).startswith(str(folder)):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(used)
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _hand_over(folder: Folder) -> None:
    """As delivery does after a crash: ask first."""
    if folder.placed_at("h-1") is None:
        folder.place("h-1", ".csv", b"handover", AT)


def _take(base: Path) -> int:
    """The agency takes its files; how many."""
    found = list(base.glob("outgoing/*"))
    assert all(path.read_bytes() == b"handover" for path in found), "half a file was seen"
    for path in found:
        path.unlink()
    return len(found)


@pytest.mark.parametrize("takes", [True, False], ids=["taken between", "left lying"])
def test_wherever_it_is_killed_and_killed_again_a_handover_is_one_file(tmp_path: Path, takes: bool) -> None:
    points = 0
    while True:
        points += 1
        for again in range(1, 20):
            base = tmp_path / f"{points}-{again}"
            base.mkdir()
            Folder(base).make()
            killed = _killed_at(points, base, partial(_hand_over, Folder(base)))
            seen = _take(base) if takes else 0
            killed_again = _killed_at(again, base, partial(_hand_over, Folder(base)))
            seen += _take(base) if takes else 0
            _hand_over(Folder(base))
            assert seen + _take(base) == 1
            if not killed_again:
                break
        if not killed:
            break
    assert points > 8, "it was killed nowhere"


async def test_a_file_that_the_agency_took_and_deleted_is_not_written_again(agency: Prokur, root: Path, submission: MakeSubmission) -> None:
    await agency.submit(submission())
    outgoing(root)[0].unlink()
    assert (await agency.submit(submission())).case_id == "h-1"
    found = await agency.ask("h-1")
    assert found is not None
    assert found.received_at == submission().submitted_at
    assert outgoing(root) == []


async def test_a_handover_that_could_not_be_placed_is_asked_about_and_goes_later(
    agency: Prokur, root: Path, submission: MakeSubmission
) -> None:
    in_the_way = root / "10001" / "outgoing" / "h-1.csv"
    in_the_way.mkdir(parents=True)
    with pytest.raises(ResultUnknown, match="placing a handover"):
        await agency.submit(submission())
    assert await agency.ask("h-1") is None
    in_the_way.rmdir()
    await agency.submit(submission())
    assert [path.name for path in outgoing(root)] == ["h-1.csv"]


async def test_what_is_surely_not_placed_is_told_so(agency: Prokur, root: Path, submission: MakeSubmission) -> None:
    (root / "10001" / "mahnlauf").mkdir()
    (root / "10001" / "mahnlauf" / "staging").write_text("a file")
    with pytest.raises(Unavailable, match="the account's folder: staging: "):
        await agency.submit(submission())
    (root / "layout.json").unlink()
    for call in (agency.submit(submission()), agency.ask("h-1"), agency.changes(None), agency.check()):
        with pytest.raises(Unavailable, match=r"layout\.json"):
            await call


async def test_a_folder_that_hangs_is_given_up_and_what_was_given_up_is_not_overtaken(
    account: AccountConfig, root: Path, submission: MakeSubmission
) -> None:
    (root / "layout.json").unlink()
    os.mkfifo(root / "layout.json")
    agency = Prokur(account, answer_s=0.2)
    with pytest.raises(ResultUnknown):
        await agency.submit(submission())
    with pytest.raises(Unavailable):
        await agency.ask("h-1")  # it waits behind the one that hangs
    with (root / "layout.json").open("w") as let_go:
        let_go.write(json.dumps({"mode": "test"}))
    await eventually(_is(lambda: placed(root) != []), "the handover that hung is placed")
    (root / "layout.json").unlink()
    lay(root)
    assert await agency.ask("h-1") is not None
    await agency.submit(submission())
    assert [path.name for path in outgoing(root)] == ["h-1.csv"]
    await agency.close()


def _is(true: Callable[[], bool]) -> Callable[[], Any]:
    async def asked() -> bool:
        return true()

    return asked


# ---- how a handover is written


async def test_a_handover_is_written_as_a_spreadsheet_reads_it(agency: Prokur, root: Path, submission: MakeSubmission) -> None:
    lay(root, encoding="cp1252", columns={"reference": "Aktenzeichen", "city": "Ort"})
    await agency.submit(submission(city="Würzburg", open_amount=123456))
    [path] = outgoing(root)
    [row] = csv.DictReader(io.StringIO(path.read_bytes().decode("cp1252"), newline=""), delimiter=";")
    assert (row["Aktenzeichen"], row["Ort"], row["open_amount"], row["costs"], row["mode"]) == (
        "h-1",
        "Würzburg",
        "1234,56",
        "2,50",
        "test",
    )
    assert path.read_bytes().endswith(b"\r\n")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r\n=1+1", " =1", "＝1"])
async def test_no_cell_is_a_formula(agency: Prokur, root: Path, submission: MakeSubmission, text: str) -> None:
    await agency.submit(submission(street=text))
    [path] = outgoing(root)
    [header, row] = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""), delimiter=";")
    assert all(cell[:1] not in "=+-@＝\t\r\n" for cell in row if cell)
    assert row[header.index("street")] == f"'{text.strip()}"


async def test_a_telephone_number_stays_one_that_can_be_dialled(agency: Prokur, root: Path, submission: MakeSubmission) -> None:
    made = submission()
    await agency.submit(replace(made, debtor=made.debtor.model_copy(update={"phones": ("+49 69 1234",)})))
    assert ";0049 69 1234;" in outgoing(root)[0].read_text("utf-8")


async def test_what_the_encoding_has_not_is_rejected_by_its_field(agency: Prokur, root: Path, submission: MakeSubmission) -> None:
    lay(root, encoding="cp1252")
    with pytest.raises(SubmissionRejected) as rejected:
        await agency.submit(submission(city="Łódź"))
    assert [(reason.code, reason.field) for reason in rejected.value.reasons] == [("data_invalid", "debtor.addresses[0].city")]
    assert await agency.ask("h-1") is None


async def test_a_handover_id_that_is_no_file_name_is_rejected(agency: Prokur, submission: MakeSubmission) -> None:
    with pytest.raises(SubmissionRejected, match="handover_id"):
        await agency.submit(submission("../../etc/h-1"))
    assert await agency.ask("../../etc/h-1") is None


# ---- answers


async def test_a_file_that_is_not_whole_yet_is_left_alone(agency: Prokur, root: Path) -> None:
    part = answer(root, "h-1;2026-03-02;ACCEPTED;;;", name="a.csv.part")
    hidden = answer(root, "h-1;2026-03-02;ACCEPTED;;;", name=".b.csv")
    link = root / "10001" / "incoming" / "c.csv"
    link.symlink_to(root / "layout.json")
    assert await changes_since(agency) == ([], "")
    assert part.exists()
    assert hidden.exists()
    assert link.is_symlink()
    part.rename(part.with_suffix(""))
    told, _ = await changes_since(agency)
    assert [(change.reference, change.what) for change in told] == [("h-1", Accepted())]


async def test_an_answer_is_told_until_the_cursor_that_names_it_comes_back(agency: Prokur, root: Path) -> None:
    answer(root, "h-1;2026-03-02;ACCEPTED;;;")
    first = await agency.changes(None)
    assert whats(first) == [Accepted()]
    assert (await agency.changes(None)).changes == first.changes, "a crash before the commit loses it"
    answer(root, "h-1;03.03.2026 09:30;CLOSED_SUCCESSFUL;FULL_PAYMENT;;")  # of the same name
    second = await agency.changes(first.cursor)
    assert whats(second) == [Closed("successful", "paid")]
    assert second.changes[0].occurred_at == datetime(2026, 3, 3, 8, 30, tzinfo=UTC)
    assert (await agency.changes(second.cursor)).changes == ()
    assert len(list((root / "10001" / "mahnlauf" / "read").iterdir())) == 2


async def test_the_same_thing_told_twice_is_one_change_and_order_does_not_matter(
    agency: Prokur, root: Path, submission: MakeSubmission
) -> None:
    await agency.submit(submission())
    lines = ["h-1;2026-03-04;CLOSED_SUCCESSFUL;FULL_PAYMENT;;", "h-1;2026-03-03;PAYMENT;;1.042,50;P1", "h-1;2026-03-02;ACCEPTED;;;"]
    answer(root, *lines, *lines)
    answer(root, *lines[::-1], name="b.csv")
    told, _ = await changes_since(agency)
    view = await agency.view("h-1")
    assert [change.what for change in view.changes] == [
        Accepted(),
        PaymentReceived("P1", 104_250, datetime(2026, 3, 3, tzinfo=UTC).date()),
        Closed("successful", "paid"),
    ]
    assert view.closed
    assert {change.change_id: change for change in told} == {change.change_id: change for change in view.changes}


async def test_two_equal_payments_of_a_day_are_two(agency: Prokur, root: Path) -> None:
    answer(root, "h-1;2026-03-03;PAYMENT;;10,00;P1", "h-1;2026-03-03;PAYMENT;;10,00;P2")
    assert len((await changes_since(agency))[0]) == 2


async def test_a_wrong_line_is_named_by_file_line_and_field_and_the_others_are_told(agency: Prokur, root: Path) -> None:
    answer(
        root,
        "h-1;2026-03-02;ACCEPTED;;;",
        "../x;2026-03-02;ACCEPTED;;;",
        "h-1;yesterday, said Muster;ACCEPTED;;;",
        "h-1;2026-03-03;PAYMENT;;10.00;P1",
        "h-1;2026-03-03;PAYMENT;;10,00;",
        "h-1;2026-03-02;ACCEPTED",
        "",
        "h-1;2026-03-05;Frau Muster zahlt nie;;;",
        "h-1;2026-03-04;CLOSED_UNSUCCESSFUL;Frau Muster ist weg;;",
        'h-1;2026-03-02;"ACCEPTED;;;',
        name="Muster: Antwort.csv",
    )
    page = await agency.changes(None)
    assert [(each["line"], each["field"]) for each in page.unreadable] == [
        (3, "reference"),
        (4, "moment"),
        (5, "amount"),
        (6, "payment_id"),
        (7, None),
        (11, None),
    ]
    assert {each["file"] for each in page.unreadable} == {"Muster__Antwort.csv"}
    assert whats(page) == [Accepted(), Unmapped("code", {"code": None}), Closed("unsuccessful", "other")]
    assert "said" not in repr(page)


async def test_a_file_that_is_no_answer_is_named_and_blocks_nothing(agency: Prokur, root: Path) -> None:
    answer(root, "h-1;2026-03-02", name="a.csv", header="reference;moment")
    answer(root, "h-1;2026-03-02;ACCEPTED;", name="b.csv", header="reference;moment;code;code")
    answer(root, "Zürich;2026-03-02;ACCEPTED;;;", name="c.csv", encoding="cp1252")
    (root / "10001" / "incoming" / "d.csv").write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    (root / "10001" / "incoming" / "e.csv").write_bytes(b"")
    answer(root, "h-1;2026-03-02;ACCEPTED;;;", name="f.csv")
    page = await agency.changes(None)
    assert [(each["file"], each["line"], each["field"]) for each in page.unreadable] == [
        ("a.csv", 1, "code"),
        ("b.csv", 1, None),
        ("c.csv", 2, "reference"),
        ("d.csv", 1, None),
        ("e.csv", 1, "reference"),
    ]
    assert whats(page) == [Accepted()]
    assert (await agency.changes(page.cursor)).unreadable == ()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300), encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "iso-8859-15"]), headed=st.booleans())
def test_no_bytes_break_the_reader(content: bytes, encoding: Any, headed: bool) -> None:
    given = f"{HEADER}\r\n".encode() + content if headed else content
    for _, found in feed.told(given, Layout(mode="test", encoding=encoding)):
        assert isinstance(found, Change | sheet.Wrong)


@settings(max_examples=200, deadline=None)
@given(reason=st.text(max_size=50), encoding=st.sampled_from(["utf-8", "utf-8-sig"]))
def test_what_is_written_is_read_again(reason: str, encoding: Any) -> None:
    layout = Layout(mode="test", encoding=encoding, columns={"reason": "Grund"})
    row = {"reference": "h-1", "moment": "2026-03-02", "code": "ACCEPTED", "reason": reason}
    try:
        [(line, found)] = sheet.read(sheet.written(row, layout), layout)
    except sheet.NotInEncoding:
        return  # half a sign
    assert line == 2
    assert isinstance(found, dict)
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in reason).split())
    assert found["reason"] == plain or plain.startswith("'"), "an apostrophe of its own before a formula is taken for ours"


async def test_long_files_and_many_are_told_in_pages_each_line_once(agency: Prokur, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LINES_MAX", 7)
    monkeypatch.setattr(feed, "FILES_MAX", 3)
    for file in range(9):
        answer(root, *(f"h-{file}-{number};2026-03-02;ACCEPTED;;;" for number in range(file)), name=f"{file}.csv")
    cursor, told, pages = None, [], 0
    while True:
        page = await agency.changes(cursor)
        assert len(page.changes) <= 7
        told += [change.reference for change in page.changes]
        cursor, pages = page.cursor, pages + 1
        if not page.more:
            break
    assert told == [f"h-{file}-{number}" for file in range(9) for number in range(file)]
    assert pages > 5


# ---- whose folder it is


@pytest.mark.parametrize("url", ["https://prokur.example", "file://host/path", "file:relative", "file:///x?y=1"])
def test_an_address_that_is_no_folder_is_refused(account: AccountConfig, url: str) -> None:
    with pytest.raises(AccountUnusable, match="file:///path"):
        Prokur(replace(account, url=url))


@pytest.mark.parametrize("customer", ["", "..", ".hidden", "a/b", "a b"])
def test_a_customer_number_that_is_no_folder_is_refused(account: AccountConfig, customer: str) -> None:
    with pytest.raises(AccountUnusable, match="customer_id"):
        Prokur(replace(account, customer_number=customer))


async def test_an_account_never_uses_a_folder_of_the_other_mode(account: AccountConfig, root: Path, submission: MakeSubmission) -> None:
    live = Prokur(replace(account, mode="live"))
    for call in (live.check(), live.submit(submission()), live.ask("h-1"), live.changes(None)):
        with pytest.raises(ModeMismatch, match="is for test, the account is live"):
            await call
    assert placed(root) == []
    await live.close()


async def test_a_layout_that_can_t_be_used_is_named_by_its_field(agency: Prokur, root: Path) -> None:
    lay(root, separator="#")
    with pytest.raises(Unavailable, match="separator"):
        await agency.check()
    lay(root, colour="red")
    with pytest.raises(Unavailable, match="colour"):
        await agency.check()


async def test_what_files_can_t_tell_is_refused(agency: Prokur) -> None:
    with pytest.raises(Refused, match="by file"):
        await agency.recall("h-1", "r-1", "ordered")
    with pytest.raises(Refused, match="no such handover"):
        await agency.view("h-9")


async def test_accounts_of_one_folder_have_files_of_their_own(account: AccountConfig, root: Path, submission: MakeSubmission) -> None:
    agencies = [Prokur(replace(account, customer_number=number)) for number in ("1", "2")]
    await asyncio.gather(*(agency.submit(submission()) for agency in agencies))
    assert placed(root) == ["1/outgoing/h-1.csv", "2/outgoing/h-1.csv"]
    for agency in agencies:
        await agency.close()
