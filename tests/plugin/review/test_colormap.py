"""Labels from dark for doubtful to bright for certain."""

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.plugin.review.colormap import (
    CLEAR,
    FAINT,
    STEPS,
    UNKNOWN,
    certainty_colormap,
)


def colours(certainty: pd.Series, faint: np.ndarray | None = None) -> dict:
    return certainty_colormap(certainty, faint).color_dict


def test_brighter_is_more_certain() -> None:
    values = np.linspace(0, 1, 50)
    table = colours(pd.Series(values, index=range(1, 51)))
    brightness = [table[label][:3] @ [0.2126, 0.7152, 0.0722] for label in range(1, 51)]
    assert (np.diff(brightness) >= -1e-6).all()
    assert brightness[-1] > 2 * brightness[0]


def test_background_and_other_labels_are_clear() -> None:
    table = colours(pd.Series([0.5], index=[7]))
    np.testing.assert_array_equal(table[0], CLEAR)
    np.testing.assert_array_equal(table[None], CLEAR)


def test_the_unknown_is_grey() -> None:
    table = colours(pd.Series([np.nan, 0.0], index=[1, 2]))
    np.testing.assert_allclose(table[1], UNKNOWN)
    assert not np.allclose(table[2], UNKNOWN)


@pytest.mark.parametrize("count", [1, 5000])
def test_colours_are_few_however_many_labels(count: int) -> None:
    certainty = pd.Series(np.random.default_rng(0).random(count), range(1, count + 1))
    faint = np.arange(count) % 2 == 0
    table = colours(certainty, faint)
    assert len({tuple(np.round(c, 6)) for c in table.values()}) <= 2 * (STEPS + 1) + 1


def test_labels_that_stand_back_keep_their_colour() -> None:
    certainty = pd.Series([0.9, 0.9], index=[1, 2])
    table = colours(certainty, np.array([False, True]))
    np.testing.assert_allclose(table[2][:3], table[1][:3])
    assert table[2][3] == pytest.approx(FAINT) and table[1][3] == 1


def test_values_beyond_are_those_at_the_ends() -> None:
    table = colours(pd.Series([-1.0, 0.0, 1.0, 2.0], index=[1, 2, 3, 4]))
    np.testing.assert_array_equal(table[1], table[2])
    np.testing.assert_array_equal(table[3], table[4])
