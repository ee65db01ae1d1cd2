"""Where pixels lie, from what layers and files say."""

import numpy as np
import pytest

from napari_pmrnet.io.space import Space, distinct, has_channels_last


def test_what_layers_say_becomes_plain() -> None:
    class Unit:
        def __str__(self) -> str:
            return "micrometer"

    space = Space.of(("y", "x"), np.array([0.5, 2]), (Unit(), Unit()))
    assert space == Space(("y", "x"), (0.5, 2.0), ("micrometer",) * 2)
    assert all(type(step) is float for step in space.scale)
    assert space == Space.of_plane((0.5, 2), "micrometer")
    assert (space.pixel_size, space.unit) == ((0.5, 2.0), "micrometer")


def test_what_is_not_known_is_a_pixel() -> None:
    space = Space.of(None, None, None)
    assert space == Space() and space.pixel_size == (1.0, 1.0)
    assert space.unit == "pixel"
    assert space.filled(3) == Space((), (1.0,) * 3, ("pixel",) * 3)
    known = Space(scale=(2.0, 3.0))
    assert known.filled(2).scale == (2.0, 3.0)


def test_of_a_stack_the_last_two_axes_are_the_plane() -> None:
    space = Space(("t", "y", "x"), (30.0, 0.5, 0.25), ("s", "um", "um"))
    assert space.pixel_size == (0.5, 0.25) and space.unit == "um"


def test_a_place_at_the_origin_is_none() -> None:
    assert Space.of("yx", (1, 1), ("um", "um"), (0, 0)).translate == ()
    space = Space.of("tyx", (2, -0.5, 0.25), ("s", "um", "um"), np.array([0, 100, 50]))
    assert space.translate == (0.0, 100.0, 50.0) and space.pixel_size == (0.5, 0.25)
    assert space.of_axes((2, 1)) == Space(
        ("x", "y"), (0.25, -0.5), ("um", "um"), (50.0, 100.0)
    )
    assert Space().of_axes((0,)) == Space()


def test_no_two_axes_have_one_name() -> None:
    assert Space.of("qqqyx").axes == ("q", "q2", "q3", "y", "x")
    assert distinct(["q2", "q", "q", "q2"]) == ("q2", "q", "q3", "q22")
    assert distinct([]) == ()


@pytest.mark.parametrize(
    ("shape", "most", "so"),
    [
        ((40, 60, 2), 2, True),
        ((40, 60, 5), 2, False),
        ((40, 60, 5), 16, True),
        ((7, 40, 60, 3), 16, True),
        ((40, 60), 16, False),
        ((40, 60, 1), 16, False),
        ((40, 60, 17), 16, False),
        ((10, 300, 5), 16, False),
        ((4, 60, 2), 2, False),
    ],
)
def test_a_short_last_axis_holds_channels(shape, most, so) -> None:
    assert has_channels_last(shape, most) == so
