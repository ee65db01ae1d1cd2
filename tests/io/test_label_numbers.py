"""Labels renumbered, and numbers that cannot be labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_numbers import as_whole, check_labels, number_labels

FEW = st.sampled_from([0.0, 1.0, 7.0, 0.5, np.nan, np.inf])


@given(
    arrays(
        st.sampled_from([np.int32, np.uint16, np.int64]),
        (6, 7),
        elements=st.sampled_from([0, 1, 5, 40, 60_000]),
    )
)
def test_numbers_are_consecutive_and_lead_back(labels) -> None:
    numbered, names = number_labels(labels)
    np.testing.assert_array_equal(names[numbered], labels)
    assert names[0] == 0 and (np.diff(names) > 0).all()
    assert set(names) - {0} == set(np.unique(labels)) - {0}


@pytest.mark.parametrize(
    "labels", [np.array([[-1, 0]]), np.array([[0.5, 1]]), np.array([[2**31]])]
)
def test_what_cannot_be_labels_is_refused_by_name(labels) -> None:
    with pytest.raises(DataError, match="cells.tif"):
        check_labels(labels, "cells.tif")


@given(arrays(st.sampled_from([np.float32, np.float64]), (3, 4), elements=FEW))
def test_whole_numbers_in_a_floating_point_type_are_labels(values) -> None:
    made = as_whole(values)
    if all(float(value).is_integer() for value in values.ravel()):
        assert made.dtype == np.int64 and np.array_equal(made, values)
    else:
        assert made is values
    whole = np.array([[1, 2]], np.uint8)
    assert as_whole(whole) is whole
