"""Parts of click to add: coarser pixels, closed paths, outlines that come once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pmrnet.proofreading.candidates import (
    BEND,
    View,
    _closed_path,
    candidates,
    connected,
)


def disc(radius: float, shape: tuple[int, int] = (80, 90)) -> np.ndarray:
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(ys - 40, xs - 42) < radius


def view_of(image: np.ndarray, across: float = 20.0, **options) -> View:
    labels = np.zeros(image.shape, np.int32)
    return View.around(labels, (40, 42), across, {}, None, image, **options)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), rows=st.integers(3, 20), columns=st.integers(2, 9))
def test_a_closed_path_is_closed(seed, rows, columns) -> None:
    cost = np.random.default_rng(seed).uniform(size=(rows, columns))
    path = _closed_path(cost)
    assert path.shape == (rows,) and path.min() >= 0 and path.max() < columns
    assert (np.abs(np.diff(path)) <= 1).all()


def test_a_closed_path_follows_a_valley_round() -> None:
    around = np.round(4 + 3 * np.sin(np.linspace(0, 2 * np.pi, 60))).astype(int)
    cost = np.ones((60, 10))
    cost[np.arange(60), around] = 0
    assert (_closed_path(cost) == around).all()
    flat = np.zeros((60, 10)) + np.arange(10) * BEND
    assert (_closed_path(flat) == 0).all()


@pytest.mark.parametrize("dark", [False, True])
def test_nuclei_are_bright_in_a_view(dark: bool) -> None:
    image = ndimage.gaussian_filter(disc(9) * 10.0, 1) * (-1 if dark else 1)
    view = view_of(image)
    assert view.image[view.at] > 1
    assert abs(view.image[view.free].mean()) < 1e-4
    here, ground = view.shades(1.0)
    assert here > ground
    elsewhere = np.zeros(image.shape, np.int32)
    elsewhere[5:15, 5:15] = 1
    image[5:15, 5:15] = 10 if dark else -10
    seen = View.around(elsewhere, (40, 42), 20.0, {}, None, image)
    assert seen.image[seen.at] < 0, "labels tell that nuclei are of the other kind"


def test_large_ones_are_seen_in_coarser_pixels_and_come_back() -> None:
    shape = 320, 331
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    true = np.hypot(ys - 150, xs - 171) < 60
    labels = np.zeros(shape, np.int32)
    image = true * 1.0
    view = View.around(labels, (150, 171), 120.0, {}, None, image)
    assert view.step == 4 and view.across == 30
    small = view.image > (view.image.min() + view.image.max()) / 2
    large = view.enlarged(small, labels[view.box].shape)
    inside = true[view.box]
    assert (large & inside).sum() / (large | inside).sum() > 0.9


def test_every_outline_comes_once_and_holds_the_click() -> None:
    image = ndimage.gaussian_filter(disc(9) * 10.0, 1)
    view = view_of(image)
    found = candidates(view)
    kept = {mask.tobytes() for mask in found.values()}
    assert len(kept) == len(found) > 10
    assert all(mask[view.at] for mask in found.values())
    assert connected(~disc(9), (40, 42)) is None
