"""Run lengths: counted from 1, down the columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.errors import DataError
from napari_pmrnet.research.readers.rle import labels_of_runs, read_runs


def encode(mask: np.ndarray) -> str:
    """The run lengths of a mask, counted one pixel after the other."""
    words, inside = [], False
    for place, value in enumerate(mask.T.ravel(), start=1):
        if value and not inside:
            words += [place, 0]
        inside = bool(value)
        if inside:
            words[-1] += 1
    return " ".join(map(str, words))


def test_counting_starts_at_one_and_goes_down_the_columns():
    labels = labels_of_runs(["1 2 4 1", "6 1"], (3, 2), "x")
    assert labels.tolist() == [[1, 1], [1, 0], [0, 2]]
    assert labels.dtype == np.int32 and labels.flags.c_contiguous


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_mask_comes_back(mask):
    masks = [encode(mask)] if mask.any() else []
    np.testing.assert_array_equal(labels_of_runs(masks, mask.shape, "x"), mask)


def test_of_overlapping_masks_the_first_counts():
    assert labels_of_runs(["1 2", "1 2", "2 2"], (3, 1), "x").ravel().tolist() == [
        1,
        1,
        2,
    ]


@pytest.mark.parametrize("text", ["1", "0 1", "6 2", "1 0", "a 1", "1.5 2", "-1 1"])
def test_runs_that_leave_the_image_are_refused(text):
    with pytest.raises(DataError, match=r"x\.png: the run lengths .* within 6 pixels"):
        labels_of_runs([text], (2, 3), "x.png")


def test_table(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("ImageId,EncodedPixels\na,1 2\nb,\na,5 1\n007,1 1\n")
    assert read_runs(path) == {"a": ["1 2", "5 1"], "b": [], "007": ["1 1"]}
    path.write_text("ImageId,Label\na,1\n")
    with pytest.raises(DataError, match=r"runs\.csv: has no column EncodedPixels"):
        read_runs(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read as a CSV table"):
        read_runs(path)
