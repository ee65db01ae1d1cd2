"""The origin of labels that come from a file, and what was said of them before.

A dock that opens labels puts them on show here, and with that notes what is known of
them; the one that reviews them asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_pmrnet.plugin.layers.result_layers import MAP_STYLE, map_layer, plain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from napari_pmrnet.proofreading.origin import Origin
    from napari_pmrnet.proofreading.place import Place, Plane


class Known(NamedTuple):
    """What is known of labels.

    Attributes
    ----------
    origins : mapping of Origin
        Of every plane, with the labels as they were found.
    statuses : mapping
        Status of places that were reviewed before.
    """

    origins: Mapping[Plane, Origin]
    statuses: Mapping[Place, str]

    def is_of(self, shape: tuple[int, ...]) -> bool:
        """Tell whether it is of labels of a shape."""
        return list(self.origins) == list(np.ndindex(*shape[:-2])) and all(
            origin.labels.shape == shape[-2:] for origin in self.origins.values()
        )


_known: WeakKeyDictionary[Layer, Known] = WeakKeyDictionary()


def note_origins(
    layer: Labels,
    origins: Mapping[Plane, Origin],
    statuses: Mapping[Place, str] | None = None,
) -> None:
    """Note where the labels of a layer come from."""
    _known[plain(layer)] = Known(dict(origins), dict(statuses or {}))


def known_of(layer: Labels) -> Known | None:
    """What is known of the labels of a layer; None if nothing, or of other pixels."""
    known = _known.get(plain(layer))
    return known if known is not None and known.is_of(tuple(layer.data.shape)) else None


def map_layers(name: str, maps: Mapping[str, Any], **options: Any) -> list[Image]:
    """Layers of maps, hidden until asked for.

    Parameters
    ----------
    name : str
        That the layers begin with, such as that of the image.
    maps : mapping of array, each (..., H, W)
        By kind.
    **options
        Of the layers, such as their place.
    """
    return [
        map_layer(kind, maps[kind], name=f"{name} {kind}", **options)
        for kind in MAP_STYLE
        if kind in maps
    ]


def show_labels(
    viewer: ViewerModel,
    labels: Labels,
    maps: Sequence[Image],
    origins: Mapping[Plane, Origin],
    statuses: Mapping[Place, str] | None = None,
) -> list[Layer]:
    """Put labels that were opened over their maps, and select them.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    labels : napari.layers.Labels
    maps : sequence of napari.layers.Image
        From `map_layers`.
    origins : mapping of Origin
        Where the labels of every plane come from.
    statuses : mapping, optional
        Status of places that were reviewed before.

    Returns
    -------
    list of napari.layers.Layer
        All that are there now.
    """
    note_origins(labels, origins, statuses)
    added = [viewer.add_layer(layer) for layer in (*maps, labels)]
    viewer.layers.selection.active = labels
    return added
