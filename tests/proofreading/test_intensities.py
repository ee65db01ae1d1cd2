"""Intensities against NumPy, a nucleus at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from napari_pmrnet.errors import DataError
from napari_pmrnet.proofreading.intensities import (
    CORRECTED,
    LARGEST_RING,
    RING,
    SPREAD,
    STATISTICS,
    Head,
    Options,
    intensities,
    options_of,
)

SHAPES = st.shared(st.tuples(*[st.integers(1, 9)] * 2))
LABELS = arrays(np.int32, SHAPES, elements=st.integers(0, 3))
PIXELS = arrays(
    np.float64,
    SHAPES,
    elements=st.floats(-100, 100) | st.sampled_from([np.nan, np.inf, -np.inf]),
)
BY_HAND = (np.mean, np.sum, np.min, np.max, np.median, np.std)


@given(LABELS, PIXELS, st.booleans())
def test_statistics_are_those_of_numpy(labels, image, background) -> None:
    outside = image[(labels == 0) & np.isfinite(image)]
    options = Options(background=background)
    if background and not outside.size:
        with pytest.raises(DataError, match="no pixel outside the nuclei"):
            dict(intensities(labels, 4, {"DAPI": image}, options))
        return
    base = np.median(outside) if background else 0.0
    found = dict(intensities(labels, 4, {"DAPI": image}, options))
    for kind, by_hand in zip(STATISTICS, BY_HAND, strict=True):
        column = found[Head(kind, "DAPI", options).text]
        for label in (1, 2, 3):
            pixels = image[(labels == label) & np.isfinite(image)]
            expected = by_hand(pixels - base) if pixels.size else np.nan
            assert column[label - 1] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(LABELS, PIXELS, st.integers(1, 4))
def test_a_ring_has_the_pixels_that_are_near_and_in_no_nucleus(
    labels, image, width
) -> None:
    found = dict(intensities(labels, 4, {"DAPI": image}, Options(ring=width)))
    column = found[Head(RING, "DAPI", Options(ring=width)).text]
    near = np.stack(
        [
            distance_transform_edt(labels != label)
            if (labels == label).any()
            else np.full(labels.shape, np.inf)
            for label in (1, 2, 3)
        ]
    )
    free = (labels == 0) & (near.min(axis=0) <= width) & np.isfinite(image)
    for label in (1, 2, 3):
        mine = free & (near[label - 1] == near.min(axis=0))
        alone = mine & ((near == near.min(axis=0)).sum(axis=0) == 1)
        if (mine == alone).all():  # else a pixel between two counts for either
            expected = image[mine].mean() if mine.any() else np.nan
            assert column[label - 1] == pytest.approx(expected, abs=1e-9, nan_ok=True)


NAMES = st.text(min_size=1).filter(lambda name: not name.endswith(CORRECTED))


@given(
    NAMES,
    st.sampled_from([*STATISTICS, RING]),
    st.integers(1, LARGEST_RING),
    st.booleans(),
)
def test_heads_come_back(name: str, kind: str, ring: int, background: bool) -> None:
    options = Options(ring if kind == RING else 0, background and kind != SPREAD)
    head = Head(kind, name, options)
    assert Head.of(head.text) == head
    assert options_of(["area", "mine", head.text]) == options


def test_the_mean_keeps_its_name_and_others_are_told_apart() -> None:
    assert Head("", "DAPI").text == "intensity DAPI"
    ringed = Head(RING, "DAPI", Options(5, True))
    assert ringed.text == "ring 5 px intensity DAPI minus background"
    assert Head(SPREAD, "DAPI", Options(0, True)).text == "sd intensity DAPI"
    for other in ("intensity", "my intensity DAPI", "class", "area [um^2]"):
        assert Head.of(other) is None


@pytest.mark.parametrize("width", [-1, LARGEST_RING + 1])
def test_rings_of_no_width_are_refused(width: int) -> None:
    with pytest.raises(ValueError, match="its width is 0 to"):
        Options(ring=width)
