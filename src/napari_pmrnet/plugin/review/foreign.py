"""Labels of another program as the start of a review, with certainty if there is some.

The network looks at their image, so that the review knows which of them are doubtful
and what may be missing; without it they are reviewed without certainty.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.foreign_labels import read_foreign_labels
from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.layers.origins import map_layers, show_labels
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.layers.source_image import is_source, tie
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.maps import Origins, origins_or_why
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading.origin import origin_steps
from napari_pmrnet.segmentation.plane import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.segmentation.predict import Progress
    from napari_pmrnet.settings import Settings


class Ready(NamedTuple):
    """Labels that were read, with their origin, and why no more is known of it."""

    path: Path
    image: Image
    labels: np.ndarray
    origins: Origins
    why: str


class ForeignLabels(QObject):
    """Opens labels of other programs.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    opening : Runner
        For the work that is done beside the window.
    parent : QObject, optional

    Attributes
    ----------
    opened : Signal
        A Labels layer that is there now.
    """

    said = Signal(str, str)
    offered = Signal(str, list)
    opened = Signal(object)

    def __init__(
        self, viewer: ViewerModel, opening: Runner, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._opening = viewer, opening
        self._hurry = threading.Event()
        opening.progressed.connect(self._on_progress)
        opening.succeeded.connect(self._on_ready)
        opening.failed.connect(self._on_failed)

    def image(self, before: Image | None = None) -> Image:
        """The image that labels of another program would be of.

        That is the one selected, else `before`, else the only one there is.

        Raises
        ------
        EditError
            If it is not certain, or is no plane.
        """
        images = [layer for layer in self._viewer.layers if is_source(layer)]
        active = self._viewer.layers.selection.active
        chosen = active if is_source(active) else before
        if chosen is None and len(images) == 1:
            chosen = images[0]
        if chosen is None:
            told = "Select the image" if images else "Open the image first, then"
            raise EditError(f"{told} that the labels are of, and try again.")
        if chosen.ndim != 2:
            raise EditError(
                f"'{chosen.name}' has more than one plane; labels of one plane can be "
                "reviewed."
            )
        return chosen

    def open(self, path: Path, image: Image, settings: Settings) -> None:
        """Read labels of an image, and look at them with the network."""
        self._opening.shut_down()
        self._hurry = threading.Event()
        self.said.emit(f"Reading '{path.name}'...", "plain")
        args = path, image, settings, self._hurry.is_set
        self._opening.start(f"Opening '{path.name}'", foreign_steps, *args)

    def _on_progress(self, progress: Progress) -> None:
        self.said.emit(f"Making certainty: {progress.message}", "plain")
        if not self._hurry.is_set():
            self.offered.emit(
                "The network looks at the image, so that doubtful labels come first.",
                [("Go on without certainty", self._hurry.set)],
            )

    def _on_failed(self, text: str) -> None:
        self.offered.emit("", [])
        self.said.emit(text, "error")

    def _on_ready(self, ready: Ready) -> None:
        """Put labels and maps over their image."""
        self.offered.emit("", [])
        image = ready.image
        if image not in self._viewer.layers:
            self.said.emit(f"'{image.name}' was removed meanwhile.", "warning")
            return
        spatial, title = spatial_metadata(image), f"{image.name} nuclei"
        labels = Labels(
            ready.labels.copy(), name=f"{title} ({ready.path.stem})", **spatial
        )
        tie(labels, image)
        maps, about = ready.origins[()].maps, dict(labels.metadata)
        layers = map_layers(image.name, maps, metadata=about, **spatial)
        show_labels(self._viewer, labels, layers, ready.origins)
        self.opened.emit(labels)
        if ready.why:
            self.said.emit(f"Reviewed without certainty. {ready.why}", "warning")


def foreign_steps(
    path: Path, image: Image, settings: Settings, hurried: Any
) -> Generator[Progress, None, Ready]:
    """Read labels and make maps for them; runs in a worker thread."""
    data: Any = np.asarray(first_level(image))
    labels = read_foreign_labels(path, data.shape[:2])
    plane = Plane([data], rgb=bool(image.rgb), name=image.name)

    def make(known: Origins) -> Generator[Progress, None, None]:
        known[()] = yield from origin_steps(labels, plane, settings)

    origins, why = yield from origins_or_why(labels, make, hurried)
    return Ready(path, image, labels, origins, why)
