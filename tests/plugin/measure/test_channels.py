"""Channels that labels are measured on: of their image and of others of its field."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_pmrnet.plugin.layers.source_image import tie
from napari_pmrnet.plugin.measure.channels import channels_of

SHAPE = (20, 30)
VALUES = np.arange(600.0).reshape(SHAPE)


def labels_of(viewer: ViewerModel, shape: tuple[int, ...] = SHAPE) -> Labels:
    """Labels that are certainly of the first layer."""
    layer = viewer.add_labels(np.ones(shape, np.int32), name="nuclei")
    tie(layer, viewer.layers[0])
    return layer


def read(viewer: ViewerModel, layer: Labels) -> dict[str, np.ndarray]:
    found, fault = channels_of(layer, SHAPE, None, list(viewer.layers), viewer.dims)
    assert not fault
    return {name: plane.read() for name, plane in found.items()}


def test_all_layers_of_the_field_are_channels_by_their_names() -> None:
    viewer = ViewerModel()
    viewer.add_image(VALUES, name="DAPI")
    viewer.add_image(2 * VALUES, name="GFP {0}")
    rgb = np.stack([VALUES % 9, VALUES % 7, VALUES % 5], axis=-1).astype(np.uint8)
    viewer.add_image(rgb, rgb=True, name="H&E")
    two = np.stack([3 * VALUES, 4 * VALUES])
    viewer.add_image(two, axis_labels=("c", "y", "x"), name="both")
    viewer.add_image(VALUES[:, :9], name="of another shape")
    viewer.add_image(VALUES, name="moved", translate=(5, 5))
    found = read(viewer, labels_of(viewer))
    assert list(found) == [
        *("DAPI", "GFP {0}", "H&E red", "H&E green", "H&E blue"),
        *("both channel 0", "both channel 1"),
    ]
    assert (found["GFP {0}"] == 2 * VALUES).all()
    assert (found["H&E green"] == VALUES % 7).all()
    assert (found["both channel 1"] == 4 * VALUES).all()


def test_the_channels_of_the_image_itself_keep_their_names() -> None:
    viewer = ViewerModel()
    two = np.stack([3 * VALUES, 4 * VALUES])
    viewer.add_image(two, axis_labels=("c", "y", "x"), name="both")
    viewer.add_image(VALUES, name="channel 0")
    viewer.add_image(5 * VALUES, name="GFP")
    found = read(viewer, labels_of(viewer))
    assert list(found) == ["channel 0", "channel 1", "GFP"]
    assert (found["channel 0"] == 3 * VALUES).all(), "its own, not the layer"


def test_of_stacks_the_same_plane_counts() -> None:
    viewer = ViewerModel()
    stack = np.stack([VALUES, VALUES + 1, VALUES + 2])
    axes = {"axis_labels": ("z", "y", "x"), "scale": (2, 1, 1)}
    viewer.add_image(stack, name="DAPI", **axes)
    viewer.add_image(10 * stack, name="GFP", **axes)
    viewer.add_image(stack[:2], name="fewer planes", **axes)
    viewer.add_image(stack, name="thinner", axis_labels=("z", "y", "x"))
    viewer.add_image(7 * VALUES, name="for all")
    layer = viewer.add_labels(np.ones((3, *SHAPE), np.int32), name="n", **axes)
    tie(layer, viewer.layers[0])
    viewer.dims.set_point(0, 4)
    found = read(viewer, layer)
    assert (found["DAPI"] == VALUES + 2).all() and "fewer planes" not in found
    assert (found["GFP"] == 10 * (VALUES + 2)).all()
    assert (found["for all"] == 7 * VALUES).all()


def test_without_the_image_of_the_labels_there_is_none() -> None:
    viewer = ViewerModel()
    for name in ("cell1", "cell2"):
        viewer.add_image(VALUES, name=name)
    layer = viewer.add_labels(np.ones(SHAPE, np.int32), name="mine")
    found, fault = channels_of(layer, SHAPE, None, list(viewer.layers), viewer.dims)
    assert found == {} and "not certain which image 'mine' is of" in fault
