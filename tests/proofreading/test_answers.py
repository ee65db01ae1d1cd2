"""What was done, in words."""

import pytest

from napari_pmrnet.proofreading.answers import (
    nuclei_named,
    place_named,
    told_acceptance,
    told_change,
    told_dismissal,
    told_undo,
)
from napari_pmrnet.proofreading.review import Change

BOX = slice(0, 4), slice(0, 4)


def change(kept: set[int], made: set[int], gone: set[int]) -> Change:
    return Change(BOX, kept | made | gone, made, gone)


@pytest.mark.parametrize(
    ("kept", "made", "gone", "told"),
    [
        (set(), set(), {43}, "Nucleus 43 deleted"),
        (set(), set(), set(range(1, 13)), "12 nuclei deleted"),
        (set(), {58}, set(), "Nucleus 58 added"),
        ({7}, {60}, set(), "Nucleus 7 split into 7 and 60"),
        ({7}, {60, 61}, set(), "Nucleus 7 split into 7, 60 and 61"),
        ({7}, set(range(60, 70)), set(), "Nucleus 7 split into 11 parts"),
        ({4}, set(), {9}, "Nuclei 4 and 9 merged into 4"),
        ({5}, set(), set(), "Nucleus 5 snapped"),
        ({5, 6}, {7}, {8}, "Nuclei 5, 6, 7 and 8 snapped"),
    ],
)
def test_an_edit(kept, made, gone, told: str) -> None:
    one = change(kept, made, gone)
    assert told_change(one, "snapped") == told
    assert one.kept == kept


def test_answers() -> None:
    assert told_acceptance([3]) == "Nucleus 3 accepted"
    assert told_dismissal(("missed", 2), ()) == "Proposal 2 dismissed"
    assert told_dismissal(("merge", 0), (9, 4)) == "Nuclei 4 and 9 left as they are"
    assert told_dismissal(("split", 0), (7,)) == "Nucleus 7 left as it is"
    assert place_named(("nucleus", 3), (3,)) == "nucleus 3"
    assert place_named(("missed", 3), ()) == "proposal 3"
    assert nuclei_named([5, 4, 3, 2]) == "nuclei 2, 3, 4 and 5"


def test_the_way_back_is_named_by_its_key() -> None:
    assert told_undo(change({5}, set(), set()), "Ctrl+Z") == "Ctrl+Z undoes it"
    assert told_undo(change(set(), set(), {5}), "Ctrl+Z") == "Ctrl+Z brings it back"
    assert told_undo(change(set(), set(), {5, 6}), "U") == "U brings them back"
    assert told_undo(change({4}, set(), {5}), "Ctrl+Z") == "Ctrl+Z undoes it"
