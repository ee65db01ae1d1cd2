"""Layers made of a result, in the place of their image."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels

from napari_pmrnet.plugin.layers.result_layers import build_layer, spatial_metadata


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


def test_painting_leaves_the_segmentation_alone(segmentation):
    layer = build_layer(segmentation, "nuclei")
    layer.paint((10, 10), 5)
    assert segmentation.labels.max() == 2
