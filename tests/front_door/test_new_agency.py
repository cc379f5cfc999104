"""`mahnlauf new-agency` into a copy of this checkout: what it writes is clean, and passes the contract suite as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.agencies.registry import AGENCIES
from mahnlauf.skeleton import FILES, NAME_CHARS_MAX, NotWritable, class_name, write

ROOT = Path(__file__).parents[2]
NO_ROOMS = ("deploy", "build")
LONGEST = "a_rather_long_name_1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for room in (path for path in ROOT.iterdir() if path.is_dir() and path.name.isidentifier() and path.name not in NO_ROOMS):
        shutil.copytree(room, tmp_path / room.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(checkout: Path, *words: str) -> str:
    """What a tool says in the checkout; it must end well."""
    done = subprocess.run([sys.executable, "-m", *words], check=False, cwd=checkout, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def contents(checkout: Path) -> dict[str, bytes]:
    return {str(path.relative_to(checkout)): path.read_bytes() for path in checkout.rglob("*") if path.is_file()}


@pytest.mark.timeout(300)
def test_a_new_agency_is_clean_and_passes_the_contract_suite_at_once(checkout: Path) -> None:
    assert len(LONGEST) == NAME_CHARS_MAX
    written = run(checkout, "mahnlauf", "new-agency", "northwind").splitlines()[:-1]
    written += run(checkout, "mahnlauf", "new-agency", LONGEST).splitlines()[:-1]
    assert "connectors/agencies/northwind/client.py" in written
    code = sorted({path for path in written if path.endswith(".py")})
    run(checkout, "ruff", "check", *code)
    run(checkout, "ruff", "format", "--check", *code)
    run(checkout, "mypy", "--cache-dir", ".types", *code)
    suite = ("tests/connectors/test_agency_contract.py", "tests/connectors/test_northwind.py", f"tests/connectors/test_{LONGEST}.py")
    said = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "-k", "northwind or every_ability or rather_long", *suite)
    passed = int(said.strip().splitlines()[-1].split()[0])
    assert passed > 70, said
    assert "skipped" not in said
    page = (checkout / "docs" / "agencies.md").read_text()
    assert "| [Northwind](agency-northwind.md) |" in page


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("North", "no name of a package"),
        ("north-wind", "no name of a package"),
        ("../north", "no name of a package"),
        ("class", "no name of a package"),
        ("n" * (NAME_CHARS_MAX + 1), "no name of a package"),
        ("paywise", "there is paywise already"),
        ("registry", "is there already"),
        ("story", "is there already"),
        ("wire", "Wire means something already"),
        ("open_agency", "OpenAgency means something already"),
    ],
)
def test_a_name_that_can_t_be_is_refused_and_nothing_is_written(checkout: Path, name: str, why: str) -> None:
    before = contents(checkout)
    with pytest.raises(NotWritable, match=why):
        write(checkout, name, frozenset(AGENCIES))
    assert contents(checkout) == before


def test_nothing_is_overwritten(checkout: Path) -> None:
    write(checkout, "northwind", frozenset(AGENCIES))
    before = contents(checkout)
    with pytest.raises(NotWritable):
        write(checkout, "northwind", frozenset(AGENCIES))
    assert contents(checkout) == before


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotWritable, match=r"is no checkout of mahnlauf.*--checkout"):
        write(tmp_path, "northwind", frozenset())
    assert contents(tmp_path) == {}


def test_a_list_that_is_not_as_it_was_is_named_and_nothing_is_written(checkout: Path) -> None:
    (checkout / "docs" / "agencies.md").write_text("nothing of the kind")
    before = contents(checkout)
    with pytest.raises(NotWritable, match=r"agencies\.md: no place was found"):
        write(checkout, "northwind", frozenset(AGENCIES))
    assert contents(checkout) == before


def test_every_template_is_used() -> None:
    templates = {path.stem for path in (ROOT / "mahnlauf" / "skeleton").glob("*.tmpl")}
    assert templates == set(FILES.values())
    assert class_name("north_wind") == "NorthWind"
