"""Labels renumbered, and numbers that cannot be labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_numbers import check_labels, number_labels


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
