"""Numbers of the nuclei of a stack: apart, linked, or those of classes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.numbering import StackNumbers

AXES = ("t", "z", "y", "x")


def plane(*labels: int) -> np.ndarray:
    """Labels of a plane with squares at places of their own."""
    found = np.zeros((10, 60), np.int32)
    for at, label in enumerate(labels):
        found[2:8, 2 + 12 * at : 8 + 12 * at] = label
    return found


def test_numbers_go_on_where_those_of_the_plane_before_end() -> None:
    numbers = StackNumbers(AXES, None, LabelKind.NUCLEI)
    assert numbers.of((0, 0), plane(1, 2)).tolist() == [0, 1, 2]
    assert numbers.of((0, 1), plane()).tolist() == [0]
    numbers.skip((0, 2), (10, 60))
    assert numbers.of((1, 0), plane(1, 2, 3)).tolist() == [0, 3, 4, 5]
    assert numbers.count == 5


def test_classes_keep_their_numbers() -> None:
    numbers = StackNumbers(AXES, None, LabelKind.CLASSES)
    for place in np.ndindex(2, 2):
        assert numbers.of(place, plane(2, 3)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("link", "linked"), [("t", (1, 0)), ("z", (0, 1))])
def test_nuclei_keep_their_number_along_one_axis_only(
    link: str, linked: tuple[int, int]
) -> None:
    numbers = StackNumbers(AXES, link, LabelKind.NUCLEI)
    given = {place: numbers.of(place, plane(1, 2)) for place in np.ndindex(2, 2)}
    first = given[0, 0].tolist()
    assert first == [0, 1, 2]
    for place in [(0, 1), (1, 0)]:
        assert (given[place].tolist() == first) == (place == linked)


def test_a_skipped_plane_ends_what_is_linked_by_overlap_but_not_a_track() -> None:
    for link, goes_on in (("z", False), ("t", True)):
        numbers = StackNumbers((link, "y", "x"), link, LabelKind.NUCLEI)
        assert numbers.of((0,), plane(1)).tolist() == [0, 1]
        numbers.skip((1,), (10, 60))
        assert (numbers.of((2,), plane(1)).tolist() == [0, 1]) == goes_on
