"""Layers made from a segmentation, placed exactly over their image."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap

from napari_pmrnet.io.provenance import METADATA_KEY, software
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.plugin.layers.label_colours import apart, wear

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pmrnet.segmentation.stack_segmentation import Labelled

Part = TypeVar("Part")

DOUBT = Colormap(
    [
        (1.0, 0.35, 0.0, 1.0),
        (1.0, 0.33, 0.05, 0.82),
        (0.85, 0.15, 0.25, 0.3),
        (0.85, 0.15, 0.25, 0.0),
        (0.85, 0.15, 0.25, 0.0),
    ],
    name="doubt",
    controls=[0, 0.5, 0.8, 0.95, 1],
)
"""Colours of certainty: doubt glows, what is certain is clear.

The more doubtful, the further from black and from white alike; the most doubtful has a
contrast of 3 to 1 at least to both.
"""
GATE = Colormap(
    [(0.0, 0.58, 1.0, opacity) for opacity in (0, 0, 1, 1)],
    name="gate",
    controls=[0, 0.4, 0.75, 1],
)
"""Colours of the boundary gate: the crest of its ridges, as thin bright lines."""
MAP_STYLE: dict[str, dict[str, Any]] = {
    "probability": {"colormap": "magma", "blending": "translucent", "opacity": 0.7},
    "boundary": {"colormap": GATE, "blending": "translucent"},
    "certainty": {"colormap": DOUBT, "blending": "translucent"},
}
MORE_MAPS = {
    "pgrf": "PGRF",
    "gate_half": "gate 1/2",
    "gate_quarter": "gate 1/4",
    "esconv": "ESConv",
}
"""Maps of the parts of the network, which are made on request, and their titles."""
MORE_STYLE = {"colormap": "viridis", "blending": "translucent", "opacity": 0.7}
WITH_LEGEND = ("certainty",)
"""Maps that are shown with napari's colour bar, where it has one."""
LABEL_KINDS = (*MAP_STYLE, "nuclei")
CLASS = "class"
"""Column with the names of classes."""
PLACE = ("scale", "translate", "rotate", "shear", "affine")
"""What says where a layer lies, units and names of axes apart."""


def plain(part: Part) -> Part:
    """The layer or viewer itself, where napari hands out proxies to a plugin."""
    return getattr(part, "__wrapped__", part)


def remove_layers(viewer: ViewerModel, layers: Iterable[Layer]) -> None:
    """Take layers out of a viewer, those of them that are there.

    They are unselected first: napari draws a selected one while it goes, when what it
    is drawn with may be gone already, which can end the program.
    """
    there = [layer for layer in layers if layer in viewer.layers]
    viewer.layers.selection.difference_update(there)
    for layer in there:
        viewer.layers.remove(layer)


def spatial_metadata(layer: Layer, axes: Sequence[int] | None = None) -> dict[str, Any]:
    """Transform of a result of a layer's y-x plane, or of all its planes.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer whose last two axes are y and x.
    axes : sequence of int, optional
        Axes that the result has; by default those two.

    Returns
    -------
    dict
        ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and
        ``axis_labels`` of these axes, ready for a napari layer.
    """
    count = layer.ndim
    kept = [count - 2, count - 1] if axes is None else list(axes)
    shear = np.asarray(layer.shear)
    if shear.ndim == 1:
        pairs = list(combinations(range(count), 2))
        shear = shear[[i for i, pair in enumerate(pairs) if set(pair) <= set(kept)]]
    else:
        shear = shear[np.ix_(kept, kept)]
    return {
        "scale": np.array(layer.scale)[kept],
        "translate": np.array(layer.translate)[kept],
        "rotate": np.array(layer.rotate)[np.ix_(kept, kept)],
        "shear": shear,
        "affine": np.array(layer.affine.affine_matrix)[
            np.ix_([*kept, count], [*kept, count])
        ],
        "units": tuple(layer.units[axis] for axis in kept),
        "axis_labels": tuple(layer.axis_labels[axis] for axis in kept),
    }


def features_table(segmentation: Labelled) -> pd.DataFrame:
    """One row a nucleus, indexed the way napari looks labels up.

    Returns
    -------
    pandas.DataFrame
        Columns ``index`` (the label), ``certainty`` and ``area`` (pixels), of classes
        also ``class``. Of nuclei that have one number in several planes, the means.
    """
    # pandas' own types leave open what a selection or a mean of a table is.
    objects: Any = segmentation.objects[["label", "certainty", "area"]]
    if objects["label"].duplicated().any():
        objects = objects.groupby("label", as_index=False).mean()
    names = segmentation.model.card.classes
    classes = {CLASS: [names[k - 1] for k in objects["label"]]} if names else {}
    return pd.DataFrame(
        {
            "index": objects["label"].to_numpy(),
            **classes,
            "certainty": objects["certainty"].to_numpy(),
            "area": objects["area"].to_numpy(),
        }
    )


def result_name(image_name: str, kind: str, plane: str = "") -> str:
    """Name of a result layer, such as ``"cells z=3 nuclei"``."""
    return " ".join(part for part in (image_name, plane, kind) if part)


def result_metadata(segmentation: Labelled, image_name: str) -> dict[str, Any]:
    """Collect what a writer needs to say how a layer was made."""
    return {
        METADATA_KEY: {
            "image": image_name,
            "settings": segmentation.settings.as_dict(),
            "weights_hash": segmentation.model.card.sha256,
            "device": segmentation.device,
            "diameter": segmentation.diameter,
            "software": software(),
        }
    }


def build_layer(
    segmentation: Labelled, kind: str, spatial: Mapping[str, Any] | None = None
) -> Labels | Image:
    """Make the layer of one kind of result; it gets its name when it is shown.

    Parameters
    ----------
    segmentation : Segmentation or StackSegmentation
        Its arrays stay untouched when the layer is painted.
    kind : str
        One of ``LABEL_KINDS``: nuclei become int32 labels that can be painted at once,
        a map a float32 image in [0, 1], hidden until asked for.
    spatial : mapping, optional
        From :func:`spatial_metadata`.
    """
    spatial = spatial or {}
    if kind == "nuclei":
        labels = own_labels(segmentation)
        classes = segmentation.model.card.classes
        layer = Labels(
            labels,
            features=features_table(segmentation),
            colormap=None if classes else apart(labels),
            **spatial,
        )
        layer.selected_label = next_free_label(segmentation, labels)
        return layer
    return map_layer(kind, segmentation.maps[kind], **spatial)


def map_layer(kind: str, data: Any, **options: Any) -> Image:
    """Make the layer of a map, hidden until asked for.

    Parameters
    ----------
    kind : str
        One of ``MAP_STYLE`` or ``MORE_MAPS``.
    data : array of float, shape (..., H, W)
        In [0, 1].
    **options
        Of the layer, such as its place.
    """
    layer = Image(
        np.asarray(data, dtype=np.float32),
        contrast_limits=(0, 1),
        visible=False,
        **MAP_STYLE.get(kind, MORE_STYLE),
        **options,
    )
    if kind in WITH_LEGEND and hasattr(layer, "colorbar"):
        # napari draws the bar of a hidden layer too, which takes half a second.
        layer.events.visible.connect(_show_legend)
    return layer


def _show_legend(event: Any) -> None:
    """Give a layer its colour bar when it is shown for the first time."""
    layer = event.source
    if layer.visible:
        layer.colorbar.visible = True
        layer.events.visible.disconnect(_show_legend)


def place_layer(
    layer: Layer,
    segmentation: Labelled,
    image: Image,
    kind: str,
    plane: str,
    axes: Sequence[int] | None = None,
) -> None:
    """Name a new layer after its image and put it exactly over it.

    Each change of place redraws a layer, so only what differs is set.
    """
    labels = segmentation.model.card.label_kind
    title = MORE_MAPS.get(kind, kind)
    if kind == "nuclei" and labels is not LabelKind.NUCLEI:
        title = labels
    layer.name = result_name(image.name, title, plane)
    layer.metadata = result_metadata(segmentation, image.name)
    present = spatial_metadata(layer, range(layer.ndim))
    for name, value in spatial_metadata(image, axes).items():
        if not np.array_equal(present[name], value):
            setattr(layer, name, value)


def replace_labels(layer: Labels, segmentation: Labelled, image_name: str) -> None:
    """Give an unedited Labels layer new labels, keeping how the user set it up.

    Turning ``editable`` off and on is napari's public way to drop the edit history,
    which would otherwise redo old pixels into the new labels.
    """
    mode = layer.mode
    layer.data = own_labels(segmentation)  # pyright: ignore[reportAttributeAccessIssue]  # takes arrays
    layer.editable = False
    layer.editable = True
    layer.mode = mode
    describe_labels(layer, segmentation, image_name)


def describe_labels(layer: Labels, segmentation: Labelled, image_name: str) -> None:
    """Give a Labels layer the table of its nuclei, how they were made, and colours."""
    layer.features = features_table(segmentation)
    layer.metadata = {
        **layer.metadata,
        **result_metadata(segmentation, image_name),
    }
    labels = np.asarray(layer.data)
    layer.selected_label = next_free_label(segmentation, labels)
    if not segmentation.model.card.classes:
        wear(layer, apart(labels))


def own_labels(segmentation: Labelled) -> np.ndarray:
    """A copy of labels as int32, of a region without touching what is far from it."""
    region = getattr(segmentation, "region", None)
    if region is None:
        return np.array(segmentation.labels, dtype=np.int32)
    return region.place(segmentation.labels[region.view], region.view)


def next_free_label(segmentation: Labelled, labels: np.ndarray) -> int:
    """Smallest number above all labels on show; of classes, the first class."""
    if segmentation.model.card.classes:
        return 1
    return int(labels.max(initial=0)) + 1
