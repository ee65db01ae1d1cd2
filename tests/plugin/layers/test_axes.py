"""Axes of a layer by name, and the plane of it that is on show."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.axes import (
    axis_names,
    first_level,
    is_unnamed,
    shown_plane,
)
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata


def test_plane_of_named_and_unnamed_axes():
    image = Image(np.zeros((2, 3, 4, 8, 9)), axis_labels=("T", "c", "z", "y", "x"))
    plane = shown_plane(image, (1, 0, 2, 0, 0))
    assert (plane.place, plane.channel_axis, plane.channels) == ((1, 2), 1, 3)
    assert plane.title == "t=1 z=2"
    assert plane.shape == (8, 9)

    stack = Image(np.zeros((7, 8, 9)))
    assert shown_plane(stack, (5.4, 0, 0)).title == "axis 0=5"
    assert shown_plane(stack, (99, 0, 0)).place == (6,)
    assert axis_names(stack, ("z", "y", "x")) == ("z", "y", "x")


def test_plane_of_colour_and_multiscale_images():
    colour = shown_plane(Image(np.zeros((8, 9, 3), np.uint8), rgb=True))
    assert (colour.rgb, colour.channels, colour.channel_axis) == (True, 3, None)
    pyramid = Image([np.zeros((64, 60)), np.zeros((32, 30))], multiscale=True)
    assert shown_plane(pyramid).shape == (64, 60)


@pytest.mark.parametrize(
    ("shape", "names", "words"),
    [
        ((2, 3, 8, 9), None, "has 4 axes and not all have a name"),
        ((2, 3, 8, 9), ("t", "-3", "y", "x"), "(t, ?, y, x)"),
        ((8, 9, 3), ("y", "x", "c"), "must be the last two"),
        ((8, 9, 2), None, "channels last"),
        ((40, 50, 6), None, "channels last"),
    ],
)
def test_ambiguous_axes_are_refused(shape, names, words):
    image = Image(np.zeros(shape), rgb=False, name="odd", axis_labels=names)
    with pytest.raises(ImageError, match="'odd'") as caught:
        shown_plane(image)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("label", "unnamed"),
    [
        ("-1", True),
        ("axis 2", True),
        (" axis -3 ", True),
        ("z", False),
        ("axis", False),
    ],
)
def test_labels_that_napari_gives_are_no_names(label, unnamed):
    assert is_unnamed(label) is unnamed


def test_names_of_the_layer_go_before_those_of_the_viewer():
    layer = Image(np.zeros((3, 4, 5)), axis_labels=("Z", " Y", "X"))
    assert axis_names(layer, ("t", "a", "b")) == ("z", "y", "x")
    partly = Image(np.zeros((3, 4, 5)), axis_labels=("t", "axis 1", "-1"))
    assert axis_names(partly, ("z", "y", "x")) == ("t", "", "")
    plain = Image(np.zeros((3, 4, 5)))
    assert axis_names(plain, ("t", "z", "y", "x")) == ("z", "y", "x")
    assert axis_names(plain, ("y", "x")) == ("", "", "")


def test_axes_of_one_name_are_told_apart():
    """As files give them whose axes have none, or users type them."""
    layer = Image(np.zeros((2, 3, 4, 5)), axis_labels=("q", "q", "y", "x"))
    assert axis_names(layer) == ("q", "q2", "y", "x")
    assert shown_plane(layer, (1, 2, 0, 0)).title == "q=1 q2=2"
    typed = Image(np.zeros((2, 3, 4, 5)))
    assert axis_names(typed, ("t", "t", "", "x"))[:2] == ("t", "t2")


def test_levels_with_fewer_planes_are_left_out():
    levels = [np.zeros((4, 64, 60)), np.zeros((4, 32, 30)), np.zeros((2, 16, 15))]
    layer = Image(levels, multiscale=True)
    assert first_level(layer) is levels[0]
    assert len(shown_plane(layer).levels) == 2


def test_the_point_on_show_is_in_the_world():
    layer = Image(np.zeros((9, 4, 5)), scale=(0.5, 1, 1), translate=(10, 0, 0))
    assert shown_plane(layer, (12, 0, 0)).place == (4,)
    assert shown_plane(layer, (-5, 0, 0)).place == (0,)


@pytest.mark.parametrize("single", [1, 2, 3, 4])
@pytest.mark.parametrize("rgb", [False, True])
def test_axes_of_length_one_are_no_choice(single, rgb):
    data = np.random.default_rng(0).random((8, 9, 3) if rgb else (8, 9))
    image = Image(data[(None,) * single], rgb=rgb, name="one")
    plane = shown_plane(image, (0,) * image.ndim)
    assert (plane.title, plane.shape, plane.rgb) == ("", (8, 9), rgb)
    np.testing.assert_array_equal(plane.read(), data)
    copy = Labels(np.zeros((8, 9), int), **spatial_metadata(image))
    assert np.allclose(
        copy.data_to_world((2, 3)), image.data_to_world((0,) * single + (2, 3))[-2:]
    )


def test_between_axes_of_length_one_the_others_count():
    data = np.random.default_rng(0).random((1, 5, 1, 8, 9))
    plane = shown_plane(Image(data), (0, 3, 0, 0, 0))
    assert (plane.title, plane.place) == ("axis 1=3", (0, 3, 0))
    np.testing.assert_array_equal(plane.at([2]).read(), data[0, 2, 0])
