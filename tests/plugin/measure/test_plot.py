"""The plot, brushed with the mouse."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mouse import click, drag
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.measure.plot import Plot

SHIFT = Qt.KeyboardModifier.ShiftModifier
LABELS = np.array([3, 5, 8, 9])
X, Y = np.array([0.0, 1.0, 10.0, np.nan]), np.array([0.0, 10.0, 5.0, 1.0])


@pytest.fixture
def plot(qtbot) -> Plot:
    plot = Plot()
    qtbot.addWidget(plot)
    plot.resize(400, 220)
    with qtbot.waitExposed(plot):
        plot.show()
    plot.told = []
    plot.brushed.connect(lambda labels, more: plot.told.append((set(labels), more)))
    return plot


def shown(plot: Plot, qtbot) -> None:
    """Wait until the axes fit the points."""
    qtbot.wait(50)


def test_a_rectangle_selects_the_points_inside(plot, qtbot) -> None:
    plot.show_points(LABELS, X, Y)
    shown(plot, qtbot)
    (x0, y0), (x1, y1) = plot.place_of(3), plot.place_of(5)
    drag(plot, (x0 - 8, y0 + 8), (x1 + 8, y1 - 8))
    assert plot.told == [({3, 5}, False)]
    x, y = plot.place_of(8)
    drag(plot, (x + 8, y + 8), (x - 8, y - 8), SHIFT)
    assert plot.told[1:] == [({8}, True)]
    assert plot.place_of(3) == (x0, y0), "the view stays"


def test_a_click_takes_the_point_under_it_or_none(plot, qtbot) -> None:
    plot.show_points(LABELS, X, Y)
    shown(plot, qtbot)
    x, y = plot.place_of(5)
    click(plot, (x + 2, y))
    click(plot, (x + 40, y + 20))
    assert plot.told == [({5}, False), (set(), False)]


def test_bars_are_brushed_by_their_values(plot, qtbot) -> None:
    plot.show_points(LABELS, X, None)
    shown(plot, qtbot)
    drag(plot, (plot.place_of(5)[0] + 4, 60), (plot.place_of(3)[0] - 4, 100))
    assert plot.told == [({3, 5}, False)]


def test_the_right_button_and_the_wheel_change_nothing(plot, qtbot) -> None:
    plot.show_points(LABELS, X, Y)
    shown(plot, qtbot)
    before = plot.place_of(8)
    drag(plot, (100, 60), (200, 120), button=Qt.MouseButton.RightButton)
    assert plot.told == [] and plot.place_of(8) == before


def test_those_picked_out_are_drawn_over_the_others(plot) -> None:
    plot.show_points(LABELS, X, Y)
    plot.highlight(frozenset({5, 9}))
    assert plot.points.getData()[0].tolist() == [1]
    assert plot.rest.getData()[0].tolist() == [0, 10]
    plot.show_points(LABELS, X, None)
    assert [sum(bars.opts["height"]) for bars in plot._bars] == [3, 1]
    plot.show_points(LABELS[:0], X[:0], None)
    assert plot._bars == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    arrays(np.float64, 5, elements=st.floats(width=32)),
    arrays(np.float64, 5, elements=st.floats(width=16)),
    st.booleans(),
)
def test_any_numbers_can_be_drawn(plot, x, y, both) -> None:
    plot.show_points(np.arange(1, 6), x, y if both else None)
    plot.highlight(frozenset({1, 2}))
