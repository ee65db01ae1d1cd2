"""Reviewed images of a viewer and their corrections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import (
    Corrections,
    corrections_of,
    limits_of,
)
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.axes import shown_plane
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.layers.source_image import could_be_of, image_for
from napari_pmrnet.settings import OF_REGION

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True)
class Corrected:
    """Labels that were reviewed, and their image.

    Attributes
    ----------
    labels : napari.layers.Labels
    image : napari.layers.Image or None
        None if it is not certain which one the labels are of.
    reviewed, nuclei : int
        Nuclei that were accepted or edited, and all of them.
    """

    labels: Labels
    image: Image | None
    reviewed: int
    nuclei: int

    @property
    def text(self) -> str:
        """Text for the list."""
        text = f"{self.labels.name}: {self.reviewed} of {self.nuclei} reviewed"
        return text if self.image is not None else f"{text}, image not certain"


def corrected_layers(viewer: ViewerModel) -> list[Corrected]:
    """Labels of a viewer with a reviewed nucleus, whose image is or may be there."""
    found, layers = [], viewer.layers
    for layer in layers:
        if not isinstance(layer, Labels) or layer.ndim != 2 or layer.multiscale:
            continue
        reviewed = int(_reviewed(layer.features).sum())
        if not reviewed:
            continue
        image = image_for(layer, layers, viewer.dims.axis_labels)
        if image is not None or any(could_be_of(layer, other) for other in layers):
            found.append(Corrected(layer, image, reviewed, len(layer.features)))
    return found


def _reviewed(features: pd.DataFrame) -> pd.Series:
    """Tell of each nucleus whether it was accepted or edited; by default it was not."""
    if "reviewed" not in features:
        return pd.Series(False, index=features.index)
    reviewed: pd.Series = features.loc[:, "reviewed"]
    return reviewed.fillna(False).astype(bool)


def corrections_from(corrected: Corrected, viewer: ViewerModel) -> Corrections:
    """Copy what was corrected, with the pixels that were segmented.

    Parameters
    ----------
    corrected : Corrected
    viewer : napari.components.ViewerModel

    Raises
    ------
    DataError, ImageError
        If the image is not certain or does not fit its labels, or nothing in them was
        reviewed.
    """
    layer, image = corrected.labels, corrected.image
    if image is None:
        raise DataError(
            f"It is not certain which image '{layer.name}' is of. Choose it in the "
            "dock Measure nuclei, or do not tick these labels."
        )
    result, session = result_of(layer), session_of(layer)
    plane = shown_plane(image, viewer.dims.point, viewer.dims.axis_labels)
    if result is not None and result.plane != plane.title:
        raise DataError(
            f"'{layer.name}' is of the plane {result.plane}, and {plane.title} is on "
            "show. Bring its plane into view."
        )
    made = (layer.metadata.get(METADATA_KEY) or {}).get("settings") or {}
    plane = replace(plane, channel=made.get("channel"))
    limits = limits_of(made)
    region = None if result is None else getattr(result.latest, "region", None)
    if made.get("limits") == OF_REGION and region is not None:
        low, high = plane.limited(OF_REGION, region).limits
        limits = f"{low!r}:{high!r}"
    flags = layer.features.dropna(subset="index").set_index("index")
    flags = flags.assign(reviewed=_reviewed(flags))
    maps: Any = {} if result is None else result.segmentation.maps
    original = None if result is None else result.segmentation.labels
    if session is not None:
        maps, original = session.review.nuclei.maps, session.review.nuclei.found
    return corrections_of(
        image.name,
        np.array(plane.read()),
        np.array(layer.data),
        flags,
        None if original is None else np.asarray(original),
        maps.get("certainty"),
        limits,
    )
