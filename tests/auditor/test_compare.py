"""The comparison itself: it sees a difference, and the shortest life keeps only what shows it."""

from tests.auditor.compare import Told, difference, report, shortest
from tests.auditor.life import Life


def test_the_same_seed_gives_the_same_life() -> None:
    assert Life(7).lines == Life(7).lines
    assert Life(7).lines != Life(8).lines


def test_the_shortest_life_keeps_only_what_shows_it() -> None:
    lines = Life(3).lines
    wanted = {lines[10]["value"]["id"], lines[31]["value"]["id"]}
    short = shortest(lines, lambda some: wanted <= {line["value"]["id"] for line in some})
    assert [line["value"]["id"] for line in short] == [lines[10]["value"]["id"], lines[31]["value"]["id"]]


def test_a_difference_is_found_and_told() -> None:
    want, got = Told(), Told()
    want.status["acme/C-1"] = {"data": {"status": "Due", "holds": [{"hold_id": "a"}, {"hold_id": "b"}]}}
    got.status["acme/C-1"] = {"data": {"status": "Due", "holds": [{"hold_id": "b"}, {"hold_id": "a"}], "more": 1}}
    assert difference(want, got) is None
    got.status["acme/C-1"]["data"]["status"] = "Held"
    found = difference(want, got)
    assert found is not None
    assert (found.where, found.expected, found.actual) == ("case-status.data.status", "Due", "Held")
    assert "seed 5: case-status.data.status" in report(5, Life(5).lines, found)


def test_one_record_too_many_is_a_difference() -> None:
    want, got = Told(), Told()
    got.lists["notices"].append({"id": "x"})
    found = difference(want, got)
    assert found is not None
    assert found.where == "notices count"
