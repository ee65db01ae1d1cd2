"""What speaks for an outline, on a disc that is easy to see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_pmrnet.proofreading.candidates import View
from napari_pmrnet.proofreading.evidence import FEATURES, described


def disc(radius: float) -> np.ndarray:
    ys, xs = np.mgrid[:80, :90]
    return np.hypot(ys - 40, xs - 42) < radius


def view_of(image: np.ndarray, dragged: bool = False) -> View:
    labels = np.zeros(image.shape, np.int32)
    return View.around(labels, (40, 42), 20.0, {}, None, image, dragged)


def test_a_right_outline_has_more_to_speak_for_it() -> None:
    image = ndimage.gaussian_filter(disc(9) * 10.0, 1)
    view = view_of(image)
    masks = {"right": disc(9), "small": disc(4), "large": disc(15)}
    masks = {name: mask[view.box] for name, mask in masks.items()}
    table = dict(zip(FEATURES, described(view, masks).T, strict=True))
    for name in ("contrast", "edge", "along"):
        right, small, large = table[name]
        assert right > small and right > large, name
    assert table["size"] == pytest.approx(2 * np.log([0.9, 0.4, 1.5]), abs=0.15)
    assert (table["size_dragged"] == 0).all()
    assert np.abs(table["filled"]).max() < 0.05
    for name in ("gate", "inside", "fall", "flow"):
        assert (table[name] == 0).all(), "there are no maps"
    dragged = view_of(image, dragged=True)
    table = dict(zip(FEATURES, described(dragged, masks).T, strict=True))
    assert table["size_dragged"] == pytest.approx(table["size_squared"])
