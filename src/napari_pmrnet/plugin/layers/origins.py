"""The origin of labels that come from a file, and what was said of them before.

A dock that opens labels notes it here; the one that reviews them asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from napari_pmrnet.plugin.layers.result_layers import MAP_STYLE, map_layer, plain

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

    from napari_pmrnet.proofreading.origin import Origin
    from napari_pmrnet.proofreading.review import Place


class Known(NamedTuple):
    """What is known of labels.

    Attributes
    ----------
    origin : Origin
        With the labels as they were found.
    statuses : mapping
        Status of places that were reviewed before.
    """

    origin: Origin
    statuses: Mapping[Place, str]


_known: WeakKeyDictionary[Layer, Known] = WeakKeyDictionary()


def note_origin(
    layer: Labels, origin: Origin, statuses: Mapping[Place, str] | None = None
) -> None:
    """Note where the labels of a layer come from."""
    _known[plain(layer)] = Known(origin, dict(statuses or {}))


def known_of(layer: Labels) -> Known | None:
    """What is known of the labels of a layer; None if nothing, or of other pixels."""
    known = _known.get(plain(layer))
    if known is None or known.origin.labels.shape != tuple(layer.data.shape):
        return None
    return known


def map_layers(name: str, origin: Origin, **options: Any) -> list[Image]:
    """Layers of the maps of an origin, hidden until asked for.

    Parameters
    ----------
    name : str
        That the layers begin with, such as that of the image.
    origin : Origin
    **options
        Of the layers, such as their place.
    """
    return [
        map_layer(kind, origin.maps[kind], name=f"{name} {kind}", **options)
        for kind in MAP_STYLE
        if kind in origin.maps
    ]
