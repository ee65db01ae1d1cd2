"""Classes of a layer, and the colours that show them."""

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_pmrnet.plugin.measure.classes import (
    ABOVE,
    BELOW,
    UNKNOWN,
    classes_of,
    colour,
    set_classes,
)
from napari_pmrnet.proofreading.classes import Classes

CLASSES = Classes("area", 5.0)
OF = pd.Series(["positive", "negative", ""], index=[1, 2, 3])


def layer_of_three() -> Labels:
    return Labels(np.arange(4)[None] * np.ones((5, 1), int))


def shown(layer: Labels, label: int) -> str:
    colour_ = np.asarray(layer.colormap.map(label)).ravel()[:3]
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in colour_)


def test_classes_are_of_a_layer() -> None:
    one, other = layer_of_three(), layer_of_three()
    set_classes(one, CLASSES)
    assert classes_of(one) == CLASSES and classes_of(other) is None
    set_classes(one, None)
    assert classes_of(one) is None
    set_classes(one, None)


def test_colours_come_and_go() -> None:
    layer = layer_of_three()
    before = layer.colormap
    colour(layer, OF, CLASSES)
    assert [shown(layer, n) for n in (1, 2, 3)] == [ABOVE, BELOW, UNKNOWN]
    colour(layer, OF[::-1].set_axis([1, 2, 3]), CLASSES)
    assert [shown(layer, n) for n in (1, 2, 3)] == [UNKNOWN, BELOW, ABOVE]
    colour(layer, None, None)
    assert layer.colormap is before
    colour(layer, None, None)
    assert layer.colormap is before


def test_colours_that_others_gave_meanwhile_stay() -> None:
    layer = layer_of_three()
    colour(layer, OF, CLASSES)
    other = DirectLabelColormap(color_dict={None: "red", 1: "blue"})
    layer.colormap = other
    colour(layer, OF, CLASSES)
    assert layer.colormap is other, "nothing new to show"
    colour(layer, None, None)
    assert layer.colormap is other
