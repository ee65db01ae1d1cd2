"""The docks of the plugin, and napari's own window that changes their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

DOCKS = (
    "Segment nuclei",
    "Review nuclei",
    "Measure nuclei",
    "Segment a folder",
    "Train on my corrections",
    "Models",
)


def shortcut_editor(qtbot: Any) -> tuple[ShortcutEditor, dict[str, int]]:
    """napari's editor of shortcuts, as in its preferences, and its rows by action."""
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor
    from napari.settings import get_settings

    editor = ShortcutEditor()
    qtbot.addWidget(editor)
    editor.valueChanged.connect(
        lambda _: get_settings().shortcuts.update({"shortcuts": editor.value()})
    )
    table = editor._table
    return editor, {table.item(row, 0).text(): row for row in range(table.rowCount())}
