"""Pixel sizes: read from text, and written to all that lies on the pixels."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers._source import Source

from napari_pmrnet.plugin.layers.pixel_size import (
    format_size,
    on_same_pixels,
    parse_size,
    write_size,
)
from napari_pmrnet.plugin.layers.results import Results


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
