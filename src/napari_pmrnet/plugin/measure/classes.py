"""Classes that the nuclei of a layer are told apart by, and the colours that show them.

So are nuclei that were picked out: the others fade.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
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
PICKED, FADED = "#ffe14d", "#99999933"
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


def tones(
    of: pd.Series | None, classes: Classes | None, picked: Container[int] = ()
) -> dict[int, str]:
    """Colours that show classes, and nuclei that were picked out.

    Parameters
    ----------
    of : Series or None
        By label, of every nucleus: its class, or anything where there are no classes.
    classes : Classes or None
    picked : container of int
        Labels of nuclei that are picked out; empty if none are.

    Returns
    -------
    dict
        Colour by label; empty if there is nothing to show.
    """
    if of is None or not (classes or picked):
        return {}
    by_class = {} if classes is None else {classes.above: ABOVE, classes.below: BELOW}
    usual = PICKED if classes is None else UNKNOWN
    found = {}
    for label, name in zip(of.index, of.to_numpy(), strict=True):
        is_faded = bool(picked) and label not in picked
        found[int(label)] = FADED if is_faded else by_class.get(name, usual)
    return found


def colour(layer: Labels, by_label: Mapping[int, str]) -> None:
    """Show nuclei in colours of their own.

    Parameters
    ----------
    layer : napari.layers.Labels
    by_label : mapping of str
        Colours by label. Empty: they are those from before, unless others were given
        meanwhile.
    """
    layer = plain(layer)
    before, ours = _before.get(layer, (None, None))
    if not by_label:
        if ours is not None and layer.colormap is ours:
            layer.colormap = before
        _before.pop(layer, None)
        return
    made = DirectLabelColormap(color_dict={None: CLEAR, 0: CLEAR, **by_label})
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
