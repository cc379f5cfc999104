"""Numbers are given out evenly, stay where they are, and follow their inputs."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.assignor import Claim, NumberAssignor, spread


def moved(before: dict[str, list[int]], after: dict[str, list[int]]) -> int:
    return sum(len(set(after[member]) - set(before.get(member, ()))) for member in after)


def claims(held: dict[str, list[int]], turn: int = 1) -> dict[str, Claim]:
    return {member: Claim(frozenset(numbers), turn) for member, numbers in held.items()}


class ClusterOf:
    """A cluster's metadata: topic -> number of partitions."""

    def __init__(self, **topics: int) -> None:
        self.topics = topics

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self.topics[topic]))


@given(st.integers(1, 60), st.lists(st.sets(st.integers(0, 70)), min_size=1, max_size=9))
def test_every_number_has_one_owner_and_counts_differ_by_one_at_most(partitions: int, held: list[set[int]]) -> None:
    given_out = spread(partitions, {f"m{i}": Claim(frozenset(numbers), i % 3) for i, numbers in enumerate(held)})
    counts = [len(numbers) for numbers in given_out.values()]
    assert sorted(number for numbers in given_out.values() for number in numbers) == list(range(partitions))
    assert max(counts) - min(counts) <= 1


def test_a_join_moves_only_the_newcomer_s_share() -> None:
    before = {"a": [0, 1, 2, 3], "b": [4, 5, 6, 7]}
    after = spread(8, claims({**before, "c": []}))
    assert moved(before, after) == len(after["c"]) == 2


def test_a_leave_moves_only_what_the_leaver_held() -> None:
    before = {"a": [0, 1, 2], "b": [3, 4, 5]}
    after = spread(8, claims(before))
    assert moved(before, after) == 2
    assert set(before["a"]) <= set(after["a"])
    assert set(before["b"]) <= set(after["b"])


def test_a_member_that_comes_back_does_not_win_against_the_one_that_took_over() -> None:
    after = spread(4, {"zombie": Claim(frozenset({0, 1, 2, 3}), turn=3), "heir": Claim(frozenset({0, 1}), turn=5)})
    assert after == {"zombie": [2, 3], "heir": [0, 1]}


def test_all_inputs_of_a_number_follow_it_also_while_a_release_adds_one() -> None:
    old, new = NumberAssignor(lambda: [0, 1]), NumberAssignor(lambda: [2, 3])
    members = {"old": old.metadata(["payments"]), "new": new.metadata(["payments", "replies"])}
    given_out = old.assign(ClusterOf(payments=4, replies=4), members)
    assert given_out["old"].assignment == [("payments", [0, 1])]
    assert given_out["new"].assignment == [("payments", [2, 3]), ("replies", [2, 3])]


def test_the_turn_counts_on_from_the_latest_any_member_knows() -> None:
    leader, follower = NumberAssignor(list), NumberAssignor(list)
    for turn in (1, 2):
        members = {"leader": leader.metadata(["t"]), "follower": follower.metadata(["t"])}
        leader.on_assignment(leader.assign(ClusterOf(t=2), members)["leader"])
        assert Claim.decode(leader.metadata(["t"]).user_data).turn == turn


def test_a_claim_of_another_program_is_an_empty_one() -> None:
    assert Claim.decode(b"\x00\x01") == Claim.decode(b'{"held": 3}') == Claim()
