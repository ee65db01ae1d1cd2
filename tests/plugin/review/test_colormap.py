"""Doubtful labels glow on dark and bright images; edits keep neighbours apart."""

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels

from napari_pmrnet.plugin.layers.label_colours import apart
from napari_pmrnet.plugin.layers.result_layers import DOUBT
from napari_pmrnet.plugin.review.colormap import (
    CLEAR,
    FAINT,
    STEPS,
    UNKNOWN,
    ReviewColours,
    certainty_colormap,
)
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.review import Review


def colours(certainty: pd.Series, faint: np.ndarray | None = None) -> dict:
    return certainty_colormap(certainty, faint).color_dict


def contrast(colour: np.ndarray, ground: float) -> float:
    """WCAG's contrast of a colour, with its opacity, to a grey ground."""
    shown = colour[3] * colour[:3] + (1 - colour[3]) * ground
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    light = float(linear @ [0.2126, 0.7152, 0.0722])
    behind = {0.0: 0.0, 1.0: 1.0}[ground]
    return (max(light, behind) + 0.05) / (min(light, behind) + 0.05)


@pytest.mark.parametrize("ground", [0.0, 1.0])
def test_the_more_doubtful_the_more_it_stands_out(ground: float) -> None:
    """On black as on white, so that it can be read on any image, in any colours."""
    values = np.linspace(0, 1, 50)
    table = colours(pd.Series(values, index=range(1, 51)))
    found = [contrast(table[label], ground) for label in range(1, 51)]
    assert (np.diff(found) <= 1e-6).all()
    assert found[0] > 3 and 1.05 < found[-1] < 1.5


@pytest.mark.parametrize("ground", [0.0, 1.0])
def test_the_layer_of_certainty_shows_doubt_alone(ground: float) -> None:
    scale = DOUBT.map(np.linspace(0, 1, 101))
    found = [contrast(colour, ground) for colour in scale]
    assert (np.diff(found) <= 1e-6).all() and found[0] > 3
    assert found[-1] == found[-5] == 1, "what is certain is clear"


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
    assert table[2][3] == pytest.approx(FAINT * table[1][3])


def test_values_beyond_are_those_at_the_ends() -> None:
    table = colours(pd.Series([-1.0, 0.0, 1.0, 2.0], index=[1, 2, 3, 4]))
    np.testing.assert_array_equal(table[1], table[2])
    np.testing.assert_array_equal(table[3], table[4])


def halves() -> tuple[Labels, Review]:
    """Two nuclei that touch, and their review."""
    labels = np.ones((6, 10), np.int32)
    labels[:, 5:] = 2
    review = Review(Nuclei(labels.copy(), labels.copy()))
    return Labels(labels, colormap=apart(labels)), review


def edited(review: Review, colours: ReviewColours, number: int) -> None:
    """Give the right half another number."""
    review.nuclei.labels[:, 5:] = number
    colours.mend(review, review.follow().labels)


def same(layer: Labels, one: int, other: int) -> bool:
    return np.allclose(layer.get_color(one), layer.get_color(other))


def alike(layer: Labels) -> int:
    """A number that has the colour of label 1."""
    return next(n for n in range(2, 200) if same(layer, 1, n))


def test_an_edit_keeps_neighbours_apart() -> None:
    layer, review = halves()
    colours, number = ReviewColours(layer), alike(layer)
    first = layer.get_color(1)
    edited(review, colours, number)
    assert not same(layer, 1, number)
    np.testing.assert_array_equal(layer.get_color(1), first)


def test_colours_come_back_mended_after_certainty_was_shown() -> None:
    layer, review = halves()
    colours, number = ReviewColours(layer), alike(layer)
    own = layer.colormap
    certainty = pd.Series([0.1, 0.9], index=[1, 2])
    colours.show_certainty(certainty)
    colours.show_certainty(certainty)
    assert not same(layer, 1, 2)
    colours.show_own()
    assert layer.colormap is own
    colours.show_certainty(certainty)
    edited(review, colours, number)
    colours.show_own()
    assert not same(layer, 1, number) and layer.colormap.name == own.name


def test_colours_that_the_user_chose_meanwhile_stay() -> None:
    layer, review = halves()
    colours = ReviewColours(layer)
    colours.show_certainty(pd.Series([0.1, 0.9], index=[1, 2]))
    layer.colormap = chosen = certainty_colormap(pd.Series([0.5, 0.5], index=[1, 2]))
    colours.show_own()
    edited(review, colours, 9)
    assert layer.colormap is chosen
