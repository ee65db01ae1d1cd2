"""Axes, planes, regions, pixel sizes and layers, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from napari.layers._source import Source

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.axes import axis_names, shown_plane
from napari_pmrnet.plugin.layers.pixel_size import (
    format_size,
    on_same_pixels,
    parse_size,
    write_size,
)
from napari_pmrnet.plugin.layers.result_layers import build_layer, spatial_metadata
from napari_pmrnet.plugin.layers.results import Results
from napari_pmrnet.plugin.layers.shapes import region_of, region_polygons


def mask_of(polygons, shape):
    """The pixels of a region in an image of a shape."""
    region = region_of(polygons, shape)
    return region.place(region.inside, region.box)


def test_spatial_metadata_of_a_flat_image_is_its_own():
    affine = np.array([[1, 0.1, 3], [0, 1, -2], [0, 0, 1]])
    image = Image(
        np.zeros((4, 5)),
        scale=(0.5, 0.25),
        translate=(1, 2),
        rotate=20,
        shear=[0.3],
        affine=affine,
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    copy = Labels(np.zeros((4, 5), int), **spatial_metadata(image))
    for corner in ((0, 0), (4, 0), (0, 5)):
        assert np.allclose(copy.data_to_world(corner), image.data_to_world(corner))
    assert copy.units == image.units
    assert copy.axis_labels == image.axis_labels


def test_spatial_metadata_of_a_stack_is_that_of_its_planes():
    image = Image(
        np.zeros((3, 4, 5)),
        scale=(2, 0.5, 0.25),
        translate=(9, 1, 2),
        units=("s", "um", "um"),
        axis_labels=("t", "y", "x"),
    )
    copy = Labels(np.zeros((4, 5), int), **spatial_metadata(image))
    assert np.allclose(copy.data_to_world((2, 3)), image.data_to_world((0, 2, 3))[1:])
    assert [str(unit) for unit in copy.units] == ["micrometer", "micrometer"]
    assert copy.axis_labels == ("y", "x")


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
    ],
)
def test_ambiguous_axes_are_refused(shape, names, words):
    image = Image(np.zeros(shape), rgb=False, name="odd", axis_labels=names)
    with pytest.raises(ImageError, match="'odd'") as caught:
        shown_plane(image)
    assert words in str(caught.value)


def test_region_follows_both_transforms():
    image = Image(np.zeros((20, 30)), scale=(0.5, 0.5), translate=(10, 0))
    square = np.array([[10, 0], [10, 5], [15, 5], [15, 0]])
    shapes = Shapes([square], shape_type="rectangle")
    mask = mask_of(region_polygons(shapes, image), (20, 30))
    assert mask[:10, :10].all()
    assert mask.sum() == 11 * 11


def test_region_of_an_ellipse_and_of_a_line():
    image = Image(np.zeros((40, 40)))
    box = np.array([[5, 5], [5, 25], [15, 25], [15, 5]])
    shapes = Shapes([box], shape_type="ellipse", name="part")
    mask = mask_of(region_polygons(shapes, image), (40, 40))
    assert mask.sum() == pytest.approx(np.pi * 10 * 5, rel=0.1)
    assert mask[10, 6]
    assert not mask[5, 5]
    line = Shapes([box[:2]], shape_type="line", name="part")
    with pytest.raises(ImageError, match="'part' outlines nothing"):
        region_polygons(line, image)


def test_region_counts_on_its_own_plane():
    image = Image(np.zeros((4, 20, 20)))
    square = np.array([[2, 0, 0], [2, 0, 9], [2, 9, 9], [2, 9, 0]])
    shapes = Shapes([square], shape_type="polygon")
    assert len(region_polygons(shapes, image, (2, 0, 0))) == 1
    with pytest.raises(ImageError):
        region_polygons(shapes, image, (1, 0, 0))


@pytest.mark.parametrize(
    ("text", "size"),
    [("0.5", (0.5, 0.5)), ("0,5", (0.5, 0.5)), (" 0.5 x 0.6 ", (0.5, 0.6))],
)
def test_pixel_size_from_text(text, size):
    assert parse_size(text) == size
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize("text", ["", "big", "0", "-1", "nan", "1 x 2 x 3"])
def test_pixel_size_that_makes_no_sense(text):
    with pytest.raises(ValueError, match="number|larger"):
        parse_size(text)


def test_pixel_size_reaches_all_that_lies_on_the_image(segmentation):
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((3, 80, 100)), name="stack")
    stack.units = ("second", "pixel", "pixel")
    results = Results(viewer)
    for _ in results.show(stack, "z=0", segmentation):
        pass
    write_size([stack, *results.layers_of(stack)], (0.5, 0.25), "micrometer")
    assert tuple(stack.scale) == (1, 0.5, 0.25)
    assert [str(u) for u in stack.units] == ["second", "micrometer", "micrometer"]
    for layer in results.layers_of(stack):
        assert tuple(layer.scale) == (0.5, 0.25)
        assert layer.units == stack.units[-2:]


def test_layers_of_the_same_file_are_siblings():
    viewer = ViewerModel()
    first, second, other = (viewer.add_image(np.zeros((4, 5))) for _ in range(3))
    assert on_same_pixels(first, viewer.layers) == []
    for layer in (first, second):
        layer._set_source(Source(path="/data/a.tif"))
    assert on_same_pixels(first, viewer.layers) == [second]
    assert other not in on_same_pixels(first, viewer.layers)


def test_painting_leaves_the_segmentation_alone(segmentation):
    layer = build_layer(segmentation, "nuclei")
    layer.paint((10, 10), 5)
    assert segmentation.labels.max() == 2


def test_results_of_two_planes_stand_side_by_side(segmentation):
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((3, 80, 100)), name="stack")
    results = Results(viewer)
    for plane in ("z=0", "z=1"):
        for _ in results.show(stack, plane, segmentation):
            pass
    assert "stack z=0 nuclei" in viewer.layers
    assert "stack z=1 nuclei" in viewer.layers
    assert len(results.layers_of(stack)) == 8
    viewer.layers.remove(stack)
    results.forget_removed()
    assert results.find(stack, "z=0") is None
