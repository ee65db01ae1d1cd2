"""The table of files: how far each is, and the worst first."""

from pathlib import Path

import pytest
from legible import head_with_arrow
from qtpy.QtCore import QPoint, Qt

from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.worklist import ReviewState
from napari_pmrnet.plugin.batch.panels import ResultsPanel
from napari_pmrnet.plugin.batch.table import (
    CERTAINTY,
    FILE,
    FOUND,
    REVIEWED,
    RUNNING,
    STATUS,
    FilesModel,
    FilesOrder,
    FileState,
    explanation,
)

FILES = [Path(f"in/{name}.tif") for name in ("B", "a", "c", "d")]


@pytest.fixture
def model(qapp) -> FilesModel:
    model = FilesModel()
    model.show_files(FILES)
    return model


def row(model: FilesModel, number: int) -> list[str]:
    return [model.data(model.index(number, c)) for c in range(model.columnCount())]


def names(order: FilesOrder) -> list[str]:
    return [order.index(r, 0).data() for r in range(order.rowCount())]


def test_a_click_on_a_head_sorts(qtbot) -> None:
    """The tick "Worst first" tells, and changes, whether it is so."""
    panel = ResultsPanel()
    qtbot.addWidget(panel)
    panel.resize(420, 400)
    panel.show()
    panel.model.show_files(FILES[:3])
    for number, (found, certainty) in enumerate([(30, 0.9), (9, 0.4), (100, 0.7)]):
        name = FILES[number].name
        panel.model.update_file(number, "done", Row(name, "l", found, certainty))
    heads, tick = panel.table.heads, panel.worst_first

    def click(section: int) -> list[str]:
        middle = heads.sectionViewportPosition(section) + heads.sectionSize(section) / 2
        place = QPoint(round(middle), heads.height() // 2)
        qtbot.mouseClick(heads.viewport(), Qt.MouseButton.LeftButton, pos=place)
        return [name[0] for name in names(panel.order)]

    assert not heads.isSortIndicatorShown()
    assert click(FOUND) == ["a", "B", "c"] and not tick.isChecked()
    assert click(FOUND) == ["c", "B", "a"]
    assert click(CERTAINTY) == ["a", "c", "B"] and tick.isChecked()
    assert click(CERTAINTY) == ["B", "c", "a"] and not tick.isChecked()
    tick.setChecked(True)
    assert [name[0] for name in names(panel.order)] == ["a", "c", "B"]
    assert heads.sortIndicatorSection() == CERTAINTY and heads.isSortIndicatorShown()
    assert heads.sectionSize(CERTAINTY) >= head_with_arrow(heads, CERTAINTY)
    assert click(FILE) == ["a", "B", "c"] and not tick.isChecked()
    tick.setChecked(True)
    tick.setChecked(False)
    assert [name[0] for name in names(panel.order)] == ["B", "a", "c"], "as they came"
    assert not heads.isSortIndicatorShown()


def test_a_row_says_how_far_its_file_is(model) -> None:
    assert row(model, 0) == ["B.tif", "", "", "waiting", ""]
    model.update_file(0, RUNNING)
    assert row(model, 0)[STATUS] == "running"
    model.update_file(0, "done", Row("B.tif", "l", 12, 0.876, 0.1, 2.34))
    assert row(model, 0) == ["B.tif", "12", "0.88", "done", ""]
    model.update_file(1, "unchanged", Row("a.tif", "l", 3, 0.5, 0.1, 123.4))
    assert row(model, 1) == ["a.tif", "3", "0.50", "earlier", ""]
    model.update_file(2, "failed", Row("c.tif", "l", 3, error="damaged"))
    assert row(model, 2) == ["c.tif", "", "", "failed", ""]


def test_nothing_runs_once_the_batch_has_stopped(model) -> None:
    model.update_file(0, "done", Row("B.tif"))
    model.update_file(1, RUNNING)
    model.stop_waiting()
    assert [row(model, n)[STATUS] for n in (0, 1, 2)] == ["done", "waiting", "waiting"]


def test_the_worst_come_first_and_then_the_order_of_the_batch(model) -> None:
    order = FilesOrder()
    order.setSourceModel(model)
    model.update_file(0, "done", Row("B.tif", nuclei=5, certainty=0.9))
    model.update_file(1, "done", Row("a.tif", nuclei=50, certainty=0.2))
    model.update_file(2, "failed", Row("c.tif", error="damaged"))
    order.sort(CERTAINTY)
    assert names(order) == ["c.tif", "a.tif", "B.tif", "d.tif"]
    order.sort(-1)
    assert names(order) == ["B.tif", "a.tif", "c.tif", "d.tif"]
    order.sort(0, Qt.SortOrder.AscendingOrder)
    assert names(order)[:2] == ["a.tif", "B.tif"], "whatever the case"
    order.sort(FOUND, Qt.SortOrder.AscendingOrder)
    assert names(order)[:2] == ["B.tif", "a.tif"], "as numbers"


def test_a_row_says_how_far_its_review_has_come(model) -> None:
    for number, name in enumerate(("B", "a", "c")):
        model.update_file(number, "done", Row(f"{name}.tif", "l", 5))
    reviews = {"B.tif": ReviewState(5, 5, 1), "a.tif": ReviewState(5, 2, 0, True)}
    model.show_reviews({**reviews, "other.tif": ReviewState(1)})
    assert [row(model, n)[REVIEWED] for n in range(4)] == ["5/5", "\u2713 2/5", "", ""]
    told = model.data(model.index(0, REVIEWED), Qt.ItemDataRole.ToolTipRole)
    assert "Review begun: 5 of 5 reviewed, 1 edited." in told
    order = FilesOrder()
    order.setSourceModel(model)
    order.sort(REVIEWED)
    assert names(order)[-2:] == ["B.tif", "a.tif"], "what is done comes last"
    model.update_file(0, "done", Row("B.tif", "l", 5))
    assert row(model, 0)[REVIEWED] == "5/5"
    model.show_reviews({"B.tif": None})
    assert row(model, 0)[REVIEWED] == ""


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (FileState(FILES[0]), [str(FILES[0])]),
        (
            FileState(FILES[0], "failed", Row("B.tif", note="n", error="damaged")),
            [str(FILES[0]), "damaged"],
        ),
        (
            FileState(
                FILES[0], "unchanged", Row("B.tif", note="2 images", seconds=2.34)
            ),
            [
                str(FILES[0]),
                "2 images",
                "Finished by an earlier run with the same settings and weights.",
                "2.3 s",
            ],
        ),
    ],
)
def test_what_there_is_to_say(file: FileState, said: list[str]) -> None:
    assert explanation(file).splitlines() == said
