"""Classes that the nuclei of a layer are told apart by, and their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pandas as pd
from napari.utils.colormaps import DirectLabelColormap

from napari_pmrnet.plugin.layers.result_layers import plain

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

    from napari_pmrnet.proofreading.classes import Classes

ABOVE, BELOW, UNKNOWN = "#e69f00", "#56b4e9", "#999999"
"""Orange and sky blue of Okabe and Ito, which the colour-blind tell apart; grey."""
CLEAR = (0.0, 0.0, 0.0, 0.0)

_classes: WeakKeyDictionary[Layer, Classes] = WeakKeyDictionary()
_before: WeakKeyDictionary[Layer, Any] = WeakKeyDictionary()


def classes_of(layer: Layer) -> Classes | None:
    """The classes of a layer, if it has any."""
    return _classes.get(plain(layer))


def set_classes(layer: Layer, classes: Classes | None) -> None:
    """Tell the nuclei of a layer apart from now on, or no longer."""
    if classes is None:
        _classes.pop(plain(layer), None)
    else:
        _classes[plain(layer)] = classes


def colour(layer: Labels, of: pd.Series | None, classes: Classes | None) -> None:
    """Show the class of every nucleus by its colour.

    Parameters
    ----------
    layer : napari.layers.Labels
    of : Series of str or None
        Class by label; None: colours are those from before classes were shown, unless
        others were given meanwhile.
    classes : Classes or None
    """
    layer = plain(layer)
    before, ours = _before.get(layer, (None, None))
    if of is None or classes is None:
        if ours is not None and layer.colormap is ours:
            layer.colormap = before
        _before.pop(layer, None)
        return
    tones = {classes.above: ABOVE, classes.below: BELOW}
    named = zip(of.index, of.to_numpy(), strict=True)
    table = {int(label): tones.get(name, UNKNOWN) for label, name in named}
    colours = {None: CLEAR, 0: CLEAR, **table}
    made = DirectLabelColormap(color_dict=colours)
    if ours is not None and _alike(ours, made):
        return  # also where others have given it other colours since
    if ours is None or layer.colormap is not ours:
        before = layer.colormap
    layer.colormap = made
    _before[layer] = before, layer.colormap


def _alike(one: DirectLabelColormap, other: DirectLabelColormap) -> bool:
    """Tell whether two tables of colours are the same."""
    mine, its = one.color_dict, other.color_dict
    return mine.keys() == its.keys() and all(
        (mine[label] == its[label]).all() for label in mine
    )
