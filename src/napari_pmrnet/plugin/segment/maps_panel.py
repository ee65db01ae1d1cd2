"""The folded part of the dock that offers maps of the parts of the network."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QWidget

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.collapsible import Collapsible
from napari_pmrnet.plugin.widgets.layout import stack, text_label

ABOUT = (
    "For the study of the method: the raw certainty of PGRF, the boundary gates at "
    "half and at quarter scale, and ESConv's boundary map. The network runs once more."
)


class MapsPanel(Collapsible):
    """Says which maps there are and offers to compute them."""

    requested = Signal()

    def __init__(self) -> None:
        content = QWidget()
        self.maps_button = QPushButton("Show these maps")
        stack(content, text_label("hint", ABOUT), self.maps_button, spacing=6)
        super().__init__("More maps", content)
        self.maps_button.clicked.connect(self.requested)
