"""The box of formats says what is in the one chosen."""

from napari_pmrnet.plugin.widgets.formats import ExportFormat, FormatBox

FORMATS = {
    "csv": ExportFormat("Table", ".csv", "Tables (*.csv)", "One row a nucleus"),
    "zip": ExportFormat("ROIs", ".zip", "ROIs (*.zip)", "Outlines for ImageJ"),
}


def test_formats_are_chosen_by_name_and_explained(qtbot) -> None:
    box = FormatBox(FORMATS)
    qtbot.addWidget(box)
    assert [box.itemText(i) for i in range(box.count())] == ["Table", "ROIs"]
    assert box.currentData() == "csv" and "One row a nucleus" in box.toolTip()
    box.setCurrentIndex(box.findData("zip"))
    assert box.currentData() == "zip" and "Outlines for ImageJ" in box.toolTip()
