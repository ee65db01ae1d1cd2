"""Certainty metrics on small cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.evaluation.certainty import (
    auroc,
    entropy,
    expected_calibration_error,
    reliability,
    wrong_among_least_certain,
)


def test_auroc_counts_pairs_in_order_and_ties_half() -> None:
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auroc([1, 1, 1], [True, False, False]) == 0.5
    assert np.isnan(auroc([1, 2], [True, True]))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=20))
def test_auroc_is_the_share_of_ordered_pairs(cases: list[tuple[int, bool]]) -> None:
    score, event = np.array(cases, int).T
    event = event.astype(bool)
    if event.all() or not event.any():
        return
    gaps = score[event][:, None] - score[~event]
    assert auroc(score, event) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def test_calibration_error_is_the_mean_gap() -> None:
    probability = np.array([0.05, 0.05, 0.95, 0.95])
    right = np.array([False, False, True, False])
    table = reliability(probability, right)
    assert table["count"].tolist() == [2, 2]
    assert table["observed"].tolist() == [0, 0.5]
    error = expected_calibration_error(probability, right)
    assert error == pytest.approx((0.05 + 0.45) / 2)
    assert expected_calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_wrong_found_among_the_least_certain() -> None:
    certainty = np.arange(20) / 20
    right = np.ones(20, bool)
    right[[0, 5, 6, 7]] = False
    found = wrong_among_least_certain(certainty, right)
    assert found == (0.25, 0.5)
    assert wrong_among_least_certain(certainty, right, 0.5) == (1, 1)
    assert np.isnan(wrong_among_least_certain(certainty, right | True).share)


def test_entropy_is_one_bit_at_a_half_and_none_at_the_ends() -> None:
    np.testing.assert_allclose(entropy([0, 0.5, 1]), [0, 1, 0], atol=1e-5)
    assert entropy(0.25) == pytest.approx(0.811278, abs=1e-6)
