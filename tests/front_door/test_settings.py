"""Settings: the file, the variables over it, and errors that tell file, line and field."""

from pathlib import Path

import pytest

from mahnlauf.settings import SettingsError, load

FILE = """\
# where things are
[kafka]
bootstrap = "kafka-1:9092,kafka-2:9092"
partitions = 48

[log]
level = "debug"

[[accounts]]
tenant = "acme"
account = "main"
agency = "atriga"
customer_number = "4711"
secret_variable = "ATRIGA_SECRET"

[[accounts]]
tenant = "acme"
account = "second"
agency = "atriga"
customer_number = "4712"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mahnlauf.toml"
    path.write_text(FILE)
    return path


def test_the_file_in_the_folder_is_read(file: Path) -> None:
    settings = load()
    assert settings.kafka.bootstrap == "kafka-1:9092,kafka-2:9092"
    assert [account.account for account in settings.accounts] == ["main", "second"]


def test_a_variable_wins_and_leaves_the_rest_of_its_table(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNLAUF_KAFKA__BOOTSTRAP", "other:9092")
    settings = load()
    assert (settings.kafka.bootstrap, settings.kafka.partitions) == ("other:9092", 48)


def test_without_a_file_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().connector.hosts == "sandbox"


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"elsewhere\.toml: cannot be read"):
        load(tmp_path / "elsewhere.toml")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("partitions = 48", 'partitions = "many"', "mahnlauf.toml:4: kafka.partitions: Input should be a valid integer"),
        ("partitions = 48", "partitions = 0", "mahnlauf.toml:4: kafka.partitions: Input should be greater than or equal to 1"),
        ("bootstrap =", "botstrap =", "mahnlauf.toml:3: kafka.botstrap: there is no such setting; there are: bootstrap, ca_file"),
        ("[log]", "[logs]", "mahnlauf.toml:6: logs: there is no such setting; there are: accounts, connector"),
        (
            'customer_number = "4712"',
            'customer = "4712"',
            "mahnlauf.toml:20: accounts.1.customer: there is no such setting; there are: account",
        ),
        ('customer_number = "4712"', "", "mahnlauf.toml:16: accounts.1.customer_number: Field required"),
        ("[kafka]", "[kafka", "mahnlauf.toml: not TOML: Expected ']' at the end of a table declaration (at line 2"),
        ('level = "debug"', 'level = "loud"', "mahnlauf.toml:7: log.level: Input should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_mistake_is_told_with_its_line(file: Path, before: str, after: str, told: str) -> None:
    assert before in FILE
    file.write_text(FILE[: FILE.rindex(before)] + after + FILE[FILE.rindex(before) + len(before) :])
    with pytest.raises(SettingsError) as error:
        load()
    assert told in str(error.value)


def test_a_mistake_in_a_variable_is_told_with_its_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNLAUF_WORKER__PORT", "70000")
    with pytest.raises(SettingsError, match=r"^MAHNLAUF_WORKER__PORT: Input should be less than or equal to 65535"):
        load()


def test_a_whole_table_as_a_variable_must_be_json(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAHNLAUF_KAFKA", "kafka:9092")
    with pytest.raises(SettingsError, match="kafka"):
        load()
