"""The button that chooses the columns of a table."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtWidgets import QCheckBox, QMenu, QPushButton, QWidgetAction

from napari_pmrnet.plugin.qt import Signal


class ColumnButton(QPushButton):
    """Opens a list of columns to tick, which stays open while they are.

    ``chosen`` gives the names that are not ticked.
    """

    chosen = Signal(set)

    def __init__(self) -> None:
        super().__init__("Columns")
        self.setToolTip("Columns that the table shows and copies; files have all")
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self.boxes: dict[str, QCheckBox] = {}

    def offer(self, names: Iterable[str], hidden: set[str]) -> None:
        """Offer columns; nothing is made anew where they are those of before."""
        names = list(names)
        if names != list(self.boxes):
            self._menu.clear()
            self.boxes = {name: QCheckBox(name) for name in names}
            for box in self.boxes.values():
                box.setContentsMargins(8, 0, 8, 0)
                action = QWidgetAction(self._menu)
                action.setDefaultWidget(box)
                self._menu.addAction(action)
                box.clicked.connect(self._on_clicked)
        for name, box in self.boxes.items():
            box.setChecked(name not in hidden)
        self.setEnabled(bool(names))

    def _on_clicked(self) -> None:
        unticked = {n for n, box in self.boxes.items() if not box.isChecked()}
        self.chosen.emit(unticked)
