"""What is plotted is chosen, and drawn once it is seen."""

import sys

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.plugin.measure.plot_panel import NUMBER, PlotPanel

TABLE = pd.DataFrame(
    {"area": [10.0, 20.0, 30.0], "certainty": [0.5, np.nan, 0.9]}, index=[2, 4, 7]
)
COLUMNS = [("certainty", "Certainty"), ("area", "Area (µm²)")]


@pytest.fixture
def panel(qtbot) -> PlotPanel:
    panel = PlotPanel()
    qtbot.addWidget(panel)
    return panel


def test_nothing_is_loaded_or_drawn_before_it_is_seen(panel, qtbot) -> None:
    panel.show_table(TABLE, COLUMNS)
    panel.highlight(frozenset({4}))
    assert panel.plot is None
    with qtbot.waitExposed(panel):
        panel.show()
    assert panel.plot.isVisible() and not panel.hint.isVisible()
    assert (
        panel.x_box.currentText() == "Area (µm²)"
        and panel.y_box.currentText() == NUMBER
    )
    assert [sum(bars.opts["height"]) for bars in panel.plot._bars] == [3, 1]


def test_two_columns_make_points_and_choices_stay(panel, qtbot) -> None:
    panel.show_table(TABLE, COLUMNS)
    with qtbot.waitExposed(panel):
        panel.show()
    panel.y_box.setCurrentIndex(1)
    panel.y_box.activated.emit(1)
    assert panel.plot.rest.getData()[0].tolist() == [10, 30]
    more = [("intensity a", "Mean a"), *COLUMNS]
    panel.show_table(TABLE.assign(**{"intensity a": [1.0, 2.0, 3.0]}), more)
    assert panel.x_box.currentText() == "Area (µm²)"
    assert panel.y_box.currentText() == "Certainty"
    panel.show_table(None, [])
    assert not panel.plot.isVisible() and panel.hint.isVisible()
    panel.show_table(TABLE, COLUMNS)
    assert panel.plot.isVisible() and panel.x_box.currentText() == "Area (µm²)"


def test_a_missing_library_is_named_with_the_command_that_adds_it(
    panel, qtbot, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    monkeypatch.delitem(sys.modules, "napari_pmrnet.plugin.measure.plot", raising=False)
    panel.show_table(TABLE, COLUMNS)
    with qtbot.waitExposed(panel):
        panel.show()
    assert 'pip install "napari-pmrnet[plots]"' in panel.advice.text()
    assert panel.advice.isVisible() and panel.plot is None
    panel.highlight(frozenset({2}))
    panel.wear(False)


def test_a_library_that_does_not_load_is_named_too(
    panel, qtbot, tmp_path, monkeypatch
) -> None:
    (tmp_path / "pyqtgraph.py").write_text("raise RuntimeError('damaged')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] == "pyqtgraph"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "napari_pmrnet.plugin.measure.plot", raising=False)
    panel.show_table(TABLE, COLUMNS)
    with qtbot.waitExposed(panel):
        panel.show()
    assert "pip install --force-reinstall" in panel.advice.text()
    assert "pyqtgraph" in panel.advice.text() and panel.plot is None
