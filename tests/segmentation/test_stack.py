"""A stack: what its planes are, how they are named, and what it is known by."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.stack import (
    MIDDLE,
    OF_MIDDLE,
    Stack,
    check_stack,
    within_stack,
)


def test_axes_of_channels_and_of_length_one_are_not_stacked() -> None:
    stack = Stack(np.zeros((3, 2, 1, 5, 7)), ("t", "z", "y", "x"), channel_axis=1)
    assert stack.shape == (3, 1, 5, 7) and stack.count == 3
    assert stack.stacked == {"t": 3}
    assert stack.title((2, 0)) == "t=2"
    colours = Stack(np.zeros((4, 5, 7, 3)), ("z", "y", "x"), rgb=True)
    assert colours.shape == (4, 5, 7) and colours.title((1,)) == "z=1"


def test_a_plane_is_that_of_its_place() -> None:
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    plane = Stack(data, ("t", "z", "y", "x")).plane((1, 2), name="cells")
    assert plane.name == "cells t=1 z=2"
    np.testing.assert_array_equal(plane.read(), data[1, 2])
    one = Stack.of_plane(plane)
    assert one.count == 1 and one.shape == (4, 5)
    np.testing.assert_array_equal(one.plane(()).read(), data[1, 2])


def test_an_image_is_known_by_its_middle() -> None:
    data = np.random.default_rng(0).integers(0, 99, (3, MIDDLE + 60, MIDDLE + 40))
    stack = Stack(data, ("z", "y", "x"))
    known = stack.print_of_middle()
    assert known.startswith(OF_MIDDLE)
    beside, within = data.copy(), data.copy()
    beside[1, :30], beside[0], within[1, 40, 40] = 0, 0, 100
    assert Stack(beside, ("z", "y", "x")).print_of_middle() == known
    assert Stack(within, ("z", "y", "x")).print_of_middle() != known
    assert Stack(data.astype(np.uint8), stack.axes).print_of_middle() != known


def test_what_is_no_stack_is_refused() -> None:
    with pytest.raises(ImageError, match="at most 2"):
        check_stack(Stack(np.zeros((2, 2, 2, 9, 9)), tuple("rtzyx")), "cells")
    with pytest.raises(ImageError, match="'cells' is empty"):
        check_stack(Stack(np.zeros((0, 9, 9)), tuple("tyx")), "cells")
    check_stack(Stack(np.zeros((2, 1, 2, 9, 9)), tuple("rtzyx")), "cells")


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [(1, 2), (2, 2)]), (4, [(350, 400), (400, 400)])]
)
def test_progress_of_a_plane_counts_over_all(count: int, expected: list) -> None:
    def steps():
        yield Progress(1, 2, "tile")
        yield Progress(2, 2, "tile")
        return "done"

    seen = []
    running = within_stack(steps(), count - 1, count, "t=3")
    while True:
        try:
            seen.append(next(running))
        except StopIteration as stop:
            assert stop.value == "done"
            break
    assert [(p.done, p.total) for p in seen] == expected
    assert seen[0].message == ("tile" if count == 1 else "plane t=3: tile")
    assert run_to_end(within_stack(steps(), 0, 1, "")) == "done"
