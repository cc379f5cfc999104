"""mahnlauf accounts and keys as a person calls them; and a planted secret is found in nothing that a run leaves behind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.delivery.sealing import Key
from schemas.fields import is_sealed
from schemas.topics import ACCOUNTS, INSTRUCTIONS, TOPICS
from tests.engine.kit import Publisher, read_all
from tests.front_door.calling import Run

SECRET = "pl4nted-s3cret-of-acme"
SECOND = "an0ther-pl4nted-s3cret"
WORDS = "Frau Pl4nted zahlt am Freitag"
WRITTEN = {
    "topic": INSTRUCTIONS,
    "key": "acme/C-1",
    "value": {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/desk",
        "type": "case.message_written",
        "subject": "C-1",
        "tenant": "acme",
        "time": "2026-01-05T09:00:00Z",
        "data": {"by": "ann", "message_id": "M1", "text": WORDS},
    },
}


@pytest.fixture
def run(own_kafka: str, tmp_path: Path) -> Iterator[Run]:
    runs = Run(own_kafka, tmp_path)
    try:
        yield runs
    finally:
        runs.stop()


@pytest.mark.timeout(300)
async def test_an_account_from_adding_to_removing_and_nothing_tells_its_secret(run: Run, own_kafka: str) -> None:
    assert run("topics", "create", "--partitions", "2").returncode == 0
    run.start("sandbox", "--port", str(run.port), until="listens on")
    add = ("accounts", "add", "acme/main", "--agency", "atriga", "--customer-id", "4711")
    done = run(*add, secret=SECRET)
    assert (done.returncode, "no key is named to seal with" in done.stderr) == (2, True)
    (run.folder.parent / "words.jsonl").write_text(json.dumps(WRITTEN) + "\n")  # not part of what a run leaves behind
    words = str(run.folder.parent / "words.jsonl")
    done = run("publish", words)
    assert (done.returncode, "words.jsonl:1: what a person wrote is sealed" in done.stderr) == (2, True)

    assert run("keys", "new", "first.key").returncode == 0
    assert (run.folder / "first.key").stat().st_mode & 0o077 == 0
    assert run("keys", "new", "first.key").returncode == 2
    run.key("first.key")
    done = run(*add, secret=SECRET)
    assert (done.returncode, done.stdout) == (0, "account acme/main added: atriga, test\n"), done.stderr
    assert "there is an account acme/main already" in run(*add, secret=SECRET).stderr
    done = run(*add, "--mode", "live", "--replace", secret=SECRET)
    assert (done.returncode, "live credentials go nowhere but to the live agency" in done.stderr) == (2, True)
    run.start("connector", until="acme/main: read from agency.accounts")

    [listed] = json.loads(run("accounts", "list", "--json").stdout)
    first = Key.parse((run.folder / "first.key").read_text())
    assert (listed["name"], listed["agency"], listed["mode"], listed["key"]) == ("acme/main", "atriga", "test", first.id)
    assert "acme/main: atriga knows it, test" in run("accounts", "validate").stdout

    assert run("publish", words).returncode == 0
    [sent] = await read_all(own_kafka, INSTRUCTIONS)
    assert is_sealed(json.loads(sent.value or b"")["data"]["text"])

    read = run.aside("texts", "acme/C-1")
    assert (read.returncode, read.stdout) == (0, f"2026-01-05 09:00Z  written M1 by ann\n    {WORDS}\n"), read.stderr
    assert json.loads(run.aside("texts", "acme/C-1", "--json").stdout)[0]["text"] == WORDS
    assert run("texts", "acme/C-2").stderr == "nothing was written about acme/C-2\n"

    assert run("keys", "new", "second.key").returncode == 0
    run.key("second.key")
    assert run("keys", "reseal").returncode == 1  # the key before it is not at hand
    run.key("second.key", old="first.key")
    assert run("keys", "reseal").stdout.startswith("1 accounts and the keys of 1 contracts sealed anew")
    run.key("second.key")
    assert run("publish", words).returncode == 0  # sealed with the contract's key, which only the new key opens now
    assert run("accounts", "rotate", "acme/main", secret=SECOND).returncode == 0
    assert "acme/main: atriga knows it, test" in run("accounts", "validate", "acme/main").stdout
    assert run.heard("stands still: secret_sealed")  # the connector that was started with the first key alone says so
    assert run("accounts", "remove", "acme/main").returncode == 0
    assert run.heard("acme/main: removed")
    assert json.loads(run("accounts", "list", "--json").stdout) == []
    run.stop()

    left = [*run.said, *(path.read_text(errors="replace") for path in run.folder.rglob("*") if path.is_file())]
    for topic in TOPICS:
        left += [repr(record) for record in await read_all(own_kafka, topic.name)]
    found = [text for text in left if SECRET in text or SECOND in text or "Pl4nted" in text]
    assert found == []
    assert any('"acme"' in text and "v1." in text for text in left)  # what was looked through does hold the account


@pytest.mark.timeout(200)
def test_an_account_that_is_reached_by_files_is_held_to_its_folder(run: Run, tmp_path: Path) -> None:
    files = tmp_path / "files"
    run("topics", "create", "--partitions", "2")
    run("keys", "new", "a.key")
    run.key("a.key")
    add = ("accounts", "add", "acme/main", "--agency", "prokur", "--customer-id", "4711")
    done = run(*add, secret="any")
    assert (done.returncode, "set connector.sandbox_folder" in done.stderr) == (2, True), done.stderr
    run.use(CONNECTOR__SANDBOX_FOLDER=str(files))
    done = run(*add, secret="any")
    assert (done.returncode, "layout.json can't be read" in done.stderr) == (1, True), done.stderr
    run.start("sandbox", "--port", str(run.port), "--folder", str(files), until="listens on")
    assert run(*add, secret="any").returncode == 0
    told = "acme/main: prokur can't be asked whether it knows it, but its folder is as it must be, test"
    assert told in run("accounts", "validate").stdout
    run.use(CONNECTOR__HOSTS="live")
    for url, why in (("https://prokur.example", "must be file:///path"), (f"{(files / 'prokur').as_uri()}", "its folder is for test")):
        done = run(*add, "--mode", "live", "--replace", "--url", url, secret="any")
        assert why in done.stderr, done.stderr
        assert done.returncode in (1, 2)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("accounts", "add", "acme", "--agency", "atriga", "--customer-id", "1"), 2, "'acme' is no TENANT/ACCOUNT"),
        (("accounts", "add", "a/b", "--agency", "nobody", "--customer-id", "1"), 2, "there is no agency 'nobody'"),
        (("accounts", "add", "a/b", "--agency", "atriga", "--customer-id", "1", "--mode", "prod"), 2, "--mode is test or live"),
        (("accounts", "remove", "a/b"), 2, "there is no account a/b"),
        (("accounts", "rotate", "a/b"), 2, "there is no account a/b"),
        (("accounts", "validate", "a/b"), 2, "there is no account a/b"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, words: tuple[str, ...], code: int, told: str) -> None:
    run("topics", "create", "--partitions", "2")
    run("keys", "new", "a.key")
    run.key("a.key")
    done: Any = run(*words, secret=SECRET)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert SECRET not in done.stderr


@pytest.mark.timeout(300)
async def test_an_account_that_cant_be_read_is_named_and_stops_no_command(run: Run, own_kafka: str) -> None:
    run("topics", "create", "--partitions", "2")
    run("keys", "new", "b.key")
    run.key("b.key")
    added = run("accounts", "add", "b/good", "--agency", "atriga", "--customer-id", "1", "--unchecked", secret=SECRET)
    assert added.returncode == 0, added.stderr
    elsewhere = json.dumps({"tenant": "b", "account": "other", "agency": "atriga", "mode": "test", "customer_id": "1"}).encode()
    async with Publisher(own_kafka) as publisher:
        await publisher.send(ACCOUNTS, b"b/bad", b'{"tenant": "b", "secret": "leaked-into-json"}', 1, partition=0)
        await publisher.send(ACCOUNTS, b"b/moved", elsewhere, 1, partition=0)
    listed = run("accounts", "list", "--json", "--tenant", "b")
    assert listed.returncode == 0
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert (rows["b/good"]["agency"], "account: Field required" in rows["b/bad"]["unreadable"]) == ("atriga", True)
    assert rows["b/moved"]["unreadable"] == "the key names another account than the value"
    assert "b/bad" in run("accounts", "list").stdout
    checked = run("accounts", "validate")
    assert (checked.returncode, "account b/bad cannot be read" in checked.stderr) == (1, True)
    again = run("accounts", "rotate", "b/bad", secret=SECRET)
    assert (again.returncode, "cannot be read" in again.stderr) == (2, True)
    assert run("accounts", "remove", "b/bad").returncode == 0
    replaced = run("accounts", "add", "b/moved", "--agency", "atriga", "--customer-id", "1", "--unchecked", "--replace", secret=SECRET)
    assert replaced.returncode == 0, replaced.stderr
    names = [row["name"] for row in json.loads(run("accounts", "list", "--json", "--tenant", "b").stdout)]
    assert names == ["b/good", "b/moved"]
    assert not [said for said in run.said if "leaked-into-json" in said]


@pytest.mark.parametrize(
    ("words", "secret", "told"),
    [
        (("--customer-id", ""), SECRET, "--customer-id: "),
        (("--customer-id", "Müller"), SECRET, "no header can carry"),
        (("--customer-id", "1"), "s3crét", "no header can carry"),
        (("--customer-id", "1", "--per-second", "inf"), SECRET, "--per-second"),
        (("--customer-id", "1", "--url", "http://["), SECRET, "--url: "),
        (("--customer-id", "1", "--url", "ftp://a"), SECRET, "--url: "),
        (
            ("--customer-id", "1", "--mode", "live", "--url", "http://api.example"),
            SECRET,
            "--url: a live account's url must",
        ),
        (("--customer-id", "1" * 300), SECRET, "--customer-id: "),
    ],
)
def test_an_account_that_can_t_be_meant_is_refused_in_one_line(run: Run, words: tuple[str, ...], secret: str, told: str) -> None:
    run("topics", "create", "--partitions", "2")
    run("keys", "new", "a.key")
    run.key("a.key")
    done = run("accounts", "add", "c/d", "--agency", "atriga", "--unchecked", *words, secret=secret)
    assert (done.returncode, told in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert secret not in done.stderr
