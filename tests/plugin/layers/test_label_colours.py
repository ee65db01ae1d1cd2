"""Nuclei that touch have different colours, whatever is done to them."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Labels
from napari.utils.colormaps import label_colormap
from scipy import ndimage
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.segmentation import expand_labels

from napari_pmrnet.plugin.layers.label_colours import (
    ENTRIES,
    NAME,
    PALETTE,
    REACH,
    SHADES,
    apart,
    mended,
    neighbours,
    wear,
)


def alike(layer: Labels) -> list[tuple[int, int]]:
    """Labels of one colour that touch, found by growing each of them."""
    data, found = np.asarray(layer.data), []
    reach = np.hypot(*np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]) <= REACH
    for label in np.unique(data[data > 0]).tolist():
        near = np.unique(data[ndimage.binary_dilation(data == label, reach)])
        colour = layer.get_color(label)
        assert colour[3] == 1
        found += [
            (label, other)
            for other in near.tolist()
            if other > label and np.allclose(layer.get_color(other), colour)
        ]
    return found


def mosaic(draw, numbers: list[int]) -> np.ndarray:
    """Patches of any size, some with gaps between them."""
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    labels = np.zeros((36, 40), np.int32)
    for number in numbers:
        y, x = rng.integers(0, 34), rng.integers(0, 38)
        height, width = rng.integers(1, 12, 2)
        labels[y : y + height, x : x + width] = number
    return labels


@st.composite
def label_images(draw) -> np.ndarray:
    numbers = st.one_of(st.integers(1, 60), st.sampled_from([50, 99, 254, 255, 65534]))
    return mosaic(draw, draw(st.lists(numbers, max_size=40)))


@given(label_images(), st.sampled_from([np.int32, np.int64, np.uint16]))
@settings(max_examples=60, deadline=None)
def test_no_neighbours_are_alike(labels: np.ndarray, dtype: type) -> None:
    labels = labels.astype(dtype)
    assert not alike(Labels(labels, colormap=apart(labels)))


@given(label_images(), st.data())
@settings(max_examples=60, deadline=None)
def test_an_edit_leaves_no_neighbours_alike(labels: np.ndarray, data) -> None:
    colormap = apart(labels)
    y, x = data.draw(st.integers(0, 35)), data.draw(st.integers(0, 39))
    box = slice(y, y + data.draw(st.integers(1, 15))), slice(x, x + 9)
    number = data.draw(st.integers(0, 70))
    touched = {*np.unique(labels[box]).tolist(), number} - {0}
    labels[box] = number
    boxes = {n + 1: b for n, b in enumerate(ndimage.find_objects(labels))}
    left = [boxes[label] for label in touched if boxes.get(label)]
    new = mended(colormap, labels, touched, left)
    assert not alike(Labels(labels, colormap=new or colormap))
    if new is not None and len(new.colors) == len(colormap.colors):
        differs = np.flatnonzero((new.colors != colormap.colors).any(axis=1))
        assert set(differs.tolist()) <= touched


def test_naparis_own_colours_do_repeat() -> None:
    """The fault that is mended: a number 49 higher has the same colour."""
    labels = np.ones((4, 8), np.int32)
    labels[:, 4:] = 50
    layer = Labels(labels)
    assert np.allclose(layer.get_color(1), layer.get_color(50))
    wear(layer, apart(labels))
    assert layer.colormap.name == NAME and not alike(layer)


def test_colours_that_the_user_chose_stay() -> None:
    labels = np.ones((4, 8), np.int32)
    for chosen in ({1: "red", None: "blue"}, ["red", "blue", "green"]):
        layer = Labels(labels, colormap=chosen)
        own = layer.colormap
        wear(layer, apart(labels))
        assert layer.colormap is own
    assert Labels(labels).colormap.name == label_colormap(9).name


def test_labels_of_a_stack_touch_in_their_plane() -> None:
    labels = np.zeros((2, 5, 9), np.int32)
    labels[0, :, :4], labels[0, :, 4:], labels[1, :, :5] = 1, 2, 3
    assert neighbours(labels).tolist() == [[1, 2]]


def test_a_gap_of_two_pixels_counts_and_a_wider_one_does_not() -> None:
    labels = np.zeros((3, 20), np.int32)
    labels[:, :4], labels[:, 6:9], labels[:, 12:] = 1, 2, 3
    assert neighbours(labels).tolist() == [[1, 2]]
    labels = np.zeros((8, 8), np.int32)
    labels[:4, :4], labels[4:, 4:] = 7, 3
    assert neighbours(labels).tolist() == [[3, 7]]
    assert neighbours(np.zeros((0, 4), int)).shape == (0, 2)


def test_a_hub_of_many_neighbours_is_unlike_them_all() -> None:
    labels = np.ones((3, 400), np.int32)
    labels[0, ::2] = np.arange(2, 202)
    assert not alike(Labels(labels, colormap=apart(labels)))


def test_what_is_not_in_memory_keeps_naparis_colours(monkeypatch) -> None:
    dask = pytest.importorskip("dask.array")
    assert apart(dask.ones((4, 4), dtype=int)) is None
    monkeypatch.setattr("napari_pmrnet.plugin.layers.label_colours.LARGEST", 15)
    assert apart(np.ones((4, 4), int)) is None


@pytest.mark.parametrize("highest", [1, 203, 204, 5000, 65534, 2**31 - 1])
def test_every_number_has_an_entry_and_new_ones_too(highest: int) -> None:
    labels = np.zeros((2, 2), np.int32)
    labels[0, 0] = highest
    colormap = apart(labels)
    assert len(colormap.colors) - 1 in ENTRIES
    layer = Labels(labels, colormap=colormap)
    assert layer.get_color(highest)[3] == 1 and layer.get_color(0) is None
    if highest < 50_000:
        assert len(colormap.colors) > highest + highest // 5


def test_colours_of_the_palette_differ() -> None:
    lab = rgb2lab(SHADES[: len(PALETTE), :3])
    differ = deltaE_ciede2000(lab[:, None], lab[None])
    np.fill_diagonal(differ, 100)
    assert differ.min() > 20
    assert len(np.unique(SHADES, axis=0)) == len(SHADES)


def test_five_thousand_nuclei_take_little_time() -> None:
    """The figure of the documentation, printed."""
    rng = np.random.default_rng(0)
    ys, xs = np.mgrid[14:2040:29, 14:2040:28] + rng.integers(-5, 6, (2, 70, 73))
    seeds = np.zeros((2048, 2048), np.int32)
    seeds[ys, xs] = rng.permutation(ys.size).reshape(ys.shape) + 1
    labels = expand_labels(seeds, 14)
    started = time.perf_counter()
    colormap = apart(labels)
    spent = time.perf_counter() - started
    print(f"colours of {ys.size} nuclei, {labels.shape}: {1000 * spent:.0f} ms")
    pairs = neighbours(labels)
    colours = np.asarray(colormap.colors)[pairs]
    assert len(pairs) > 5000 and (colours[:, 0] != colours[:, 1]).any(axis=1).all()
    assert spent < 5
