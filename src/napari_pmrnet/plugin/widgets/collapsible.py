"""A part of the dock that is folded away until asked for."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QToolButton, QWidget

from napari_pmrnet.plugin.widgets.layout import row_of, stack


class Collapsible(QWidget):
    """A heading that shows or hides what stands under it."""

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.button = QToolButton()
        self.button.setObjectName("fold")
        self.button.setCheckable(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.button.toggled.connect(self._on_toggled)
        self._head = row_of((self.button, 0))
        self._head.addStretch(1)
        stack(self, self._head, content, spacing=4)
        self._title = title
        self.set_title(title)
        self._on_toggled(False)

    def set_title(self, title: str) -> None:
        """Change the heading."""
        self._title = title
        arrow = "\u25be" if self.button.isChecked() else "\u25b8"
        self.button.setText(f"{arrow}  {title}")

    def add_button(self, button: QPushButton) -> None:
        """Put a button at the right of the heading, in view while folded too."""
        self._head.addWidget(button)
        self.setTabOrder(self.button, button)

    def expand(self) -> None:
        """Show the content."""
        self.button.setChecked(True)

    def _on_toggled(self, open_: bool) -> None:
        self.content.setVisible(open_)
        self.set_title(self._title)
