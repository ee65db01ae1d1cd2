"""Which layers show the same field: as many pixels in the same place."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.field import of_same_field, on_pixels_of
from napari_pmrnet.plugin.layers.origins import map_layers

PLACE = {"scale": (0.5, 0.25), "translate": (3, 4), "units": ("um", "um")}


def image(shape: tuple[int, ...] = (20, 30), **place) -> Image:
    return Image(np.zeros(shape, np.uint8), **{**PLACE, **place})


def test_the_same_place_is_the_same_field() -> None:
    mine, other = image(), image()
    assert of_same_field(mine, [mine, other]) == [other]
    near = image(translate=(3.001, 4), scale=(0.5 + 1e-5, 0.25))
    assert of_same_field(mine, [near]) == [near]


@pytest.mark.parametrize(
    "place",
    [
        {"scale": (0.5, 0.26)},
        {"scale": (-0.5, 0.25)},
        {"translate": (3, 4.25)},
        {"translate": (0, 0)},
        {"units": ("nm", "nm")},
        {"rotate": 5},
        {"shear": [0.1]},
        {"affine": np.diag([2.0, 1, 1])},
        {"shape": (20, 31)},
        {"shape": (30, 20)},
    ],
)
def test_another_place_is_another_field(place: dict) -> None:
    assert of_same_field(image(), [image(**place)]) == []


def test_colours_and_planes_count_by_their_y_and_x() -> None:
    rgb = Image(np.zeros((20, 30, 3), np.uint8), rgb=True, **PLACE)
    stack = image(
        (5, 20, 30), scale=(2, 0.5, 0.25), translate=(9, 3, 4), units=("um",) * 3
    )
    assert of_same_field(image(), [rgb, stack]) == [rgb, stack]
    assert of_same_field(rgb, [image((30, 3))]) == []


def test_labels_and_maps_that_were_opened_lie_on_their_image() -> None:
    viewer, made = ViewerModel(), {METADATA_KEY: {"image": "mine"}}
    mine = viewer.add_image(np.zeros((20, 30)), name="mine", **PLACE)
    other = viewer.add_image(np.zeros((20, 30)), name="other", **PLACE)
    pixels = np.zeros((20, 30), np.int32)
    opened = viewer.add_labels(pixels, name="opened", metadata=made, **PLACE)
    named = viewer.add_labels(pixels, name="mine_labels", **PLACE)
    others = viewer.add_labels(pixels, name="other_labels", **PLACE)
    viewer.add_labels(pixels, name="mine_cp_masks")  # in another place
    maps = {"certainty": np.zeros((20, 30), np.float32)}
    (certainty,) = map_layers("mine", maps, metadata=made, **PLACE)
    (foreign,) = map_layers("x", maps, metadata={METADATA_KEY: {"image": "x"}}, **PLACE)
    for one in (certainty, foreign):
        viewer.add_layer(one)
    assert on_pixels_of(mine, viewer) == [mine, opened, named, certainty]
    assert on_pixels_of(other, viewer) == [other, others]
