"""Splits keep groups whole, fill every subset, and never depend on the machine."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.datasets.splits import SHARES, completed_split, grouped_split

GROUPS = st.dictionaries(st.text(max_size=4), st.sampled_from("abcdefgh"), min_size=1)


@given(GROUPS, st.integers(0, 9))
def test_groups_stay_whole_and_subsets_are_filled(groups, seed):
    split = grouped_split(groups, seed=seed)
    assert split.keys() == groups.keys()
    sides = {(groups[i], subset) for i, subset in split.items()}
    assert len(sides) == len(set(groups.values()))
    assert len(set(split.values())) == min(3, len(set(groups.values())))


@given(st.integers(30, 300), st.integers(0, 5))
def test_images_that_are_their_own_groups_are_split_eight_to_one_to_one(number, seed):
    split = grouped_split({str(i): str(i) for i in range(number)}, seed=seed)
    counts = Counter(split.values())
    assert all(abs(counts[s] - share * number) <= 1 for s, share in SHARES.items())


def test_the_order_of_images_does_not_matter_and_the_seed_does():
    groups = {str(i): f"g{i // 3}" for i in range(60)}
    split = grouped_split(groups)
    assert grouped_split(dict(reversed(groups.items()))) == split
    assert grouped_split(groups, seed=1) != split
    neighbours = [split[str(i)] for i in range(0, 60, 3)]
    assert neighbours != sorted(neighbours)


def test_the_split_is_this_one_on_every_machine():
    split = grouped_split({str(i): str(i) for i in range(20)})
    assert [i for i in split if split[i] == "val"] == ["8", "19"]
    assert [i for i in split if split[i] == "test"] == ["3", "17"]


def test_an_official_split_keeps_its_test_and_gets_a_val():
    official = {str(i): "test" if i >= 40 else "train" for i in range(50)}
    groups = {str(i): f"g{i // 4}" for i in range(50)}
    split = completed_split(official, groups)
    assert [i for i in split if split[i] == "test"] == [str(i) for i in range(40, 50)]
    assert Counter(split.values())["val"] == 4
    val = {groups[i] for i in split if split[i] == "val"}
    assert not val & {groups[i] for i in split if split[i] == "train"}


def test_a_complete_official_split_stays_as_it_is():
    official = {"a": "train", "b": "val", "c": "test", "d": ""}
    assert completed_split(official, dict.fromkeys(official, "g")) == official
    assert completed_split({"a": "train", "b": ""}, {"a": "a", "b": "b"}) is None
    assert completed_split({"a": "test"}, {"a": "a"}) is None
