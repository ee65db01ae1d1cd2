"""Before and after in one layer: what one model finds left of a seam, another right."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_pmrnet.plugin.layers.result_layers import plain, remove_layers
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.segmentation import Progress, Settings, segment_steps

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.finetuning.corrections import Corrections

CONTOUR = 2


@dataclass(frozen=True)
class Both:
    """Labels of one image from two models, int32 (H, W)."""

    before: np.ndarray
    after: np.ndarray


def segment_with_both(
    one: Corrections, name: str, before: str, after: str
) -> Generator[Progress, None, Both]:
    """Segment an image with two models, in a worker thread.

    Parameters
    ----------
    one : Corrections
        Its pixels are segmented, with its intensity limits.
    name : str
        Of the image, for messages.
    before, after : str
        Names or paths of the models.
    """
    from napari_pmrnet.models import load_model

    found = []
    with quiet_collector():
        load_torch()
        for model in (load_model(before), load_model(after)):
            settings = Settings.for_card(model.card, limits=one.limits)
            steps = segment_steps(one.image, settings, model, image_name=name)
            result = yield from steps
            found.append(result.labels)
    return Both(*found)


class Swipe:
    """A Labels layer whose seam moves, in the place of the labels it is of.

    These are hidden as long as it is there; then all is as it was.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    both : Both
    name : str
        Of the image.
    spatial : mapping
        Where the layer belongs, see `_layers.spatial_metadata`.
    labels : napari.layers.Labels
        Labels of the image.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        both: Both,
        name: str,
        spatial: Mapping[str, Any],
        labels: Labels,
    ) -> None:
        self._viewer, self._both = viewer, both
        self._labels, self._visible = labels, labels.visible
        self._active = viewer.layers.selection.active
        layer = Labels(
            both.after.copy(), name=f"{name}: before | after", opacity=1.0, **spatial
        )
        layer.contour = CONTOUR
        layer.editable = False
        self.layer = plain(viewer.add_layer(layer))
        labels.visible = False
        viewer.layers.events.removed.connect(self._on_removed)
        self.move(0.5)

    def move(self, share: float) -> None:
        """Put the seam at a share of the width, 0 to 1: left of it is before."""
        if self.layer not in self._viewer.layers:
            return
        seam = round(share * self._both.before.shape[1])
        data = self.layer.data
        data[:, :seam] = self._both.before[:, :seam]
        data[:, seam:] = self._both.after[:, seam:]
        self.layer.refresh()

    def remove(self) -> None:
        """Take the layer out of the viewer, and select what was selected before."""
        layers = self._viewer.layers
        if self.layer not in layers:
            return
        on_it = layers.selection.active == self.layer
        remove_layers(self._viewer, [self.layer])
        if on_it and self._active in layers:
            layers.selection.active = self._active

    def _on_removed(self, event: Any) -> None:
        """Show what was hidden again, whoever took the layer out."""
        layers = self._viewer.layers
        if self.layer not in layers:
            layers.events.removed.disconnect(self._on_removed)
            if self._labels in layers:
                self._labels.visible = self._visible
