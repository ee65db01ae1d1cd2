"""The parts of the dock "Review nuclei" that only show and ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.review.shortcuts import ACTIONS, HELD
from napari_pmrnet.plugin.widgets.keys import Action, name_key
from napari_pmrnet.plugin.widgets.layout import row_of, stack
from napari_pmrnet.proofreading.queue import LISTS
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

MOVES = ("previous", "next", "accept", "reject")
COLUMNS = 3


class QueuePanel(QWidget):
    """Choice of the places that are listed, progress, and colours."""

    changed = Signal()
    colouring = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.which = QComboBox()
        self.which.setAccessibleName("Places to list")
        for name, text in LISTS.items():
            self.which.addItem(text, name)
        self.doubt = QDoubleSpinBox()
        self.doubt.setRange(0, 1)
        self.doubt.setSingleStep(0.05)
        self.doubt.setDecimals(2)
        self.doubt.setValue(DOUBT_LIMIT)
        self.doubt.setToolTip("<span>Places less certain than this are doubtful</span>")
        self.colour = QCheckBox("Colour by certainty")
        self.colour.setToolTip(
            "<span>Doubtful nuclei glow orange, on the scale of the certainty layer; "
            "certain ones stand back, with 'Only doubtful' the others still more</span>"
        )
        self.progress = QLabel("")
        self.progress.setObjectName("hint")
        row = row_of((self.which, 1), (QLabel("doubtful below"), 0), (self.doubt, 0))
        below = row_of((self.progress, 1), (self.colour, 0))
        stack(self, row, below)
        self.which.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.doubt.valueChanged.connect(lambda _: self.changed.emit())
        self.colour.toggled.connect(self.colouring)

    def least_doubt(self) -> float:
        """Doubt from which on a place is doubtful."""
        return 1 - self.doubt.value()


class EditPanel(QWidget):
    """The buttons of all actions, in the order of `ACTIONS`."""

    def __init__(self, slots: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        self._texts = {action.name: action.text for action in ACTIONS}
        self._keys: Mapping[str, str] = {}
        moves, grid = QGridLayout(), QGridLayout()
        for layout in (moves, grid):
            layout.setSpacing(4)
        stack(self, moves, grid, spacing=4)
        place = 0
        for action in ACTIONS:
            button = self.buttons[action.name] = _button(action, slots[action.name])
            if action.name in MOVES:
                turn = MOVES.index(action.name)
                moves.addWidget(button, turn // 2, turn % 2)
            else:
                grid.addWidget(button, place // COLUMNS, place % COLUMNS)
                place += 1
        self.through = QCheckBox("Through all planes")
        self.through.setToolTip(
            "<span>Deletes, accepts, merges, fills, smooths and snaps a nucleus on "
            "every plane where its number is; 'Many at once' deletes on all planes. "
            "Splits and cuts are of the plane on show</span>"
        )
        self.through.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        there(self.layout()).addWidget(self.through)

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the keys on the buttons, and in what they say of themselves.

        Parameters
        ----------
        keys : mapping
            By the name of the action; empty where it has none.
        """
        self._keys = keys
        for action in ACTIONS:
            self.set_text(action.name, self._texts[action.name])

    def set_text(self, name: str, text: str) -> None:
        """Have a button say what it does to the place at hand."""
        self._texts[name] = text
        action = next(one for one in ACTIONS if one.name == name)
        name_key(self.buttons[name], action, text, self._keys.get(name, ""))

    def show_tool(self, tool: str) -> None:
        """Mark the button of the tool in use."""
        for name, button in self.buttons.items():
            button.setDown(name == tool)


class BulkPanel(QWidget):
    """Edits of many nuclei at once."""

    delete_below = Signal(str, float)
    renumber = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.what = QComboBox()
        self.what.addItem("area (px)", "area")
        self.what.addItem("certainty", "certainty")
        self.bound = QDoubleSpinBox()
        self.bound.setRange(0, 1e6)
        self.bound.setDecimals(0)
        self.bound.setValue(20)
        delete = QPushButton("Delete")
        number = QPushButton("Number the nuclei 1 to n")
        row = row_of(
            (QLabel("All nuclei with"), 0),
            (self.what, 0),
            (QLabel("below"), 0),
            (self.bound, 1),
            (delete, 0),
        )
        stack(self, row, number, margins=(8, 0, 0, 0))
        self.what.currentIndexChanged.connect(self._on_what)
        delete.clicked.connect(
            lambda: self.delete_below.emit(self.what.currentData(), self.bound.value())
        )
        number.clicked.connect(self.renumber)

    def _on_what(self, _: int) -> None:
        fraction = self.what.currentData() == "certainty"
        self.bound.setDecimals(2 if fraction else 0)
        self.bound.setRange(0, 1 if fraction else 1e6)
        self.bound.setSingleStep(0.05 if fraction else 5)
        self.bound.setValue(0.2 if fraction else 20)


def _button(action: Action, slot: Callable[[], Any]) -> QPushButton:
    """A button of an action, which leaves the focus where it is when it is clicked."""
    button = QPushButton()
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    begins = button.pressed if action.name in HELD else button.clicked
    begins.connect(lambda: slot())
    return button
