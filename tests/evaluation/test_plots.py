"""What the plots of an evaluation show, read from the figures."""

import io

import numpy as np
import pytest
from image_scores import nuclei

from napari_pmrnet.evaluation.evaluate import THRESHOLDS
from napari_pmrnet.evaluation.plots import (
    FOUND,
    displayed,
    outlined,
    plot_precision,
    plot_reliability,
    plot_worst,
)


def test_precision_by_threshold_pooled_and_per_image() -> None:
    figure = plot_precision(
        [nuclei("1", counts=(9, 0, 1)), nuclei("2", counts=(0, 1, 0))]
    )
    (axes,) = figure.axes
    assert axes.get_title() == "2 images"
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_allclose(lines["pooled"].get_xdata(), THRESHOLDS)
    np.testing.assert_allclose(lines["pooled"].get_ydata(), 9 / 11)
    np.testing.assert_allclose(lines["per image"].get_ydata(), 0.45)


def test_reliability_beside_the_diagonal_and_the_counts() -> None:
    certainty, iou = (0.91, 0.92, 0.12, 0.11), (0.9, 0.9, 0.9, 0.2)
    figure = plot_reliability([nuclei("1", certainty=certainty, iou=iou)])
    axes, counts = figure.axes
    diagonal, shown = axes.get_lines()
    assert list(diagonal.get_ydata()) == [0, 1]
    np.testing.assert_allclose(shown.get_xdata(), [0.115, 0.915])
    np.testing.assert_allclose(shown.get_ydata(), [0.5, 1])
    assert [bar.get_height() for bar in counts.patches] == [2, 2]


def test_the_worst_images_with_their_numbers_of_nuclei() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8], labels[10:16, 10:16] = 1, 2
    grey, certainty = labels * 80, np.full(labels.shape, 0.25)
    colour = np.stack([grey] * 3, axis=-1)
    cases = [
        ("a-very-long-identifier", grey, labels, labels * 0, certainty),
        ("b", colour, labels * 0, labels, certainty),
    ]
    figure = plot_worst(iter(cases))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        *("a-very-long-", "truth, 2", "labels, 0", "certainty"),
        *("b", "truth, 0", "labels, 2", "certainty"),
    ]
    assert figure.axes[3].get_images()[0].get_clim() == (0, 1)


@pytest.mark.parametrize("shape", [(12, 9), (12, 9, 3)])
def test_images_are_shown_between_their_limits(shape: tuple[int, ...]) -> None:
    image = np.linspace(300, 4000, int(np.prod(shape))).reshape(shape)
    picture = displayed(image)
    assert picture.shape == (12, 9, 3)
    assert picture.min() == 0 and picture.max() == 1


def test_outlines_lie_within_their_nuclei_and_on_a_copy() -> None:
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:7] = 1
    picture = np.zeros((9, 9, 3))
    drawn = (outlined(picture, labels, FOUND) == FOUND).all(axis=-1)
    expected = labels > 0
    expected[3:6, 3:6] = False
    assert (drawn == expected).all() and not picture.any()


def test_names_of_images_are_no_formulas() -> None:
    labels = np.eye(20, dtype=np.int32)
    certainty = np.full(labels.shape, 0.25)
    figure = plot_worst([(r"a$\b$c{", labels * 80, labels, labels, certainty)])
    figure.savefig(io.BytesIO())
    assert figure.axes[0].get_title() == r"a$\b$c{"
