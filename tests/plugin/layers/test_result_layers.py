"""Layers made of a result, in the place of their image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.layers import Image, Labels

from napari_pmrnet.plugin.layers.label_colours import NAME
from napari_pmrnet.plugin.layers.result_layers import (
    build_layer,
    replace_labels,
    spatial_metadata,
)


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


def test_maps_show_doubt_with_a_legend_and_the_gate_as_lines(segmentation):
    certainty, gate = (build_layer(segmentation, k) for k in ("certainty", "boundary"))
    clear, glowing = certainty.colormap.map(np.array([1.0, 0.0]))
    assert clear[3] == 0 and glowing[3] == 1
    assert gate.colormap.map(np.array([0.3]))[0, 3] == 0
    if hasattr(certainty, "colorbar"):
        assert not certainty.colorbar.visible
        certainty.visible = gate.visible = True
        assert certainty.colorbar.visible and not gate.colorbar.visible
        certainty.colorbar.visible = certainty.visible = False
        certainty.visible = True
        assert not certainty.colorbar.visible  # as the user had it


def test_a_new_result_keeps_neighbours_apart_and_the_colours_of_the_user(segmentation):
    layer = build_layer(segmentation, "nuclei")
    labels = np.zeros((80, 100), np.int32)
    labels[:, :30], labels[:, 30:60], labels[:, 60:] = 1, 13, 50
    other = replace(segmentation, labels=labels)
    replace_labels(layer, other, "c")
    assert layer.colormap.name == NAME
    colours = [tuple(layer.get_color(label)) for label in (1, 13, 50)]
    assert len(set(colours)) == 3
    layer.colormap = {1: "red", None: "blue"}
    own = layer.colormap
    replace_labels(layer, segmentation, "c")
    assert layer.colormap is own
