"""Shapes of a layer as pixels of an image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from napari.layers import Image, Shapes

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.shapes import region_of, region_polygons


def mask_of(polygons, shape):
    """The pixels of a region in an image of a shape."""
    region = region_of(polygons, shape)
    return region.place(region.inside, region.box)


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


def test_several_polygons_are_one_region_in_the_smallest_box():
    first = np.array([[2, 2], [2, 5], [5, 5], [5, 2]], float)
    region = region_of([first, first + 10], (40, 50))
    assert region.box == (slice(2, 16), slice(2, 16))
    assert region.inside.sum() == 2 * 4 * 4
    assert region.inside[0, 0] and not region.inside[0, -1]


@given(
    arrays(float, (4, 2), elements=st.floats(-30, 70)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
@settings(deadline=None)
def test_wherever_a_polygon_lies_its_region_is_in_the_image(outline, shape):
    region = region_of([outline], shape)
    for axis, length in zip(region.box, shape, strict=True):
        assert 0 <= axis.start <= axis.stop <= length
    assert region.inside.shape == tuple(axis.stop - axis.start for axis in region.box)
    assert mask_of([outline], shape).shape == shape


def test_a_turned_ellipse_keeps_its_area():
    image = Image(np.zeros((80, 80)))
    middle, across, along = np.array([40, 40]), np.array([10, 10]), np.array([-15, 15])
    corners = [
        middle + a * across + b * along for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    shapes = Shapes([np.array(corners)], shape_type="ellipse")
    area = np.pi * np.hypot(10, 10) * np.hypot(15, 15)
    mask = mask_of(region_polygons(shapes, image), (80, 80))
    assert mask.sum() == pytest.approx(area, rel=0.05)
    assert mask[40, 40] and not mask[20, 20]
