"""Pixel sizes: read from text, and written to all that lies on the pixels."""

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Layer
from napari.layers._source import Source, layer_source

from napari_pmrnet.plugin.layers.pixel_size import (
    format_size,
    on_same_pixels,
    parse_size,
    write_size,
)
from napari_pmrnet.plugin.layers.results import Results
from napari_pmrnet.plugin.reader import read_layers


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


def test_images_of_one_file_are_no_channels_of_each_other(tmp_path):
    path = tmp_path / "plate.ome.tif"
    with tifffile.TiffWriter(path) as tiff:
        for name in ("A1", "A2"):
            about = {"axes": "CYX", "Name": name}
            tiff.write(np.zeros((2, 40, 50), np.uint8), metadata=about)
    viewer = ViewerModel()
    with layer_source(path=str(path)):
        for data, meta, kind in read_layers(str(path)):
            viewer.add_layer(Layer.create(data, meta, kind))
    first, second, *others = viewer.layers
    assert on_same_pixels(first, viewer.layers) == [second]
    assert on_same_pixels(others[0], viewer.layers) == [others[1]]
