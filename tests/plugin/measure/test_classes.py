"""Classes of a layer, and the colours that show them."""

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_pmrnet.plugin.measure.classes import (
    ABOVE,
    BELOW,
    FADED,
    PICKED,
    UNKNOWN,
    classes_of,
    colour,
    set_classes,
    tones,
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
    colour(layer, tones(OF, CLASSES))
    assert [shown(layer, n) for n in (1, 2, 3)] == [ABOVE, BELOW, UNKNOWN]
    colour(layer, tones(OF[::-1].set_axis([1, 2, 3]), CLASSES))
    assert [shown(layer, n) for n in (1, 2, 3)] == [UNKNOWN, BELOW, ABOVE]
    colour(layer, {})
    assert layer.colormap is before
    colour(layer, {})
    assert layer.colormap is before


def test_colours_that_others_gave_meanwhile_stay() -> None:
    layer = layer_of_three()
    colour(layer, tones(OF, CLASSES))
    other = DirectLabelColormap(color_dict={None: "red", 1: "blue"})
    layer.colormap = other
    colour(layer, tones(OF, CLASSES))
    assert layer.colormap is other, "nothing new to show"
    colour(layer, {})
    assert layer.colormap is other


def test_those_picked_out_keep_their_class_and_the_others_fade() -> None:
    found = tones(OF, CLASSES, {1, 3})
    assert found == {1: ABOVE, 2: FADED, 3: UNKNOWN}
    assert tones(OF, None, {2}) == {1: FADED, 2: PICKED, 3: FADED}
    assert tones(OF, None) == {} and tones(None, CLASSES, {1}) == {}
    layer = layer_of_three()
    before = layer.colormap
    colour(layer, found)
    assert np.asarray(layer.colormap.map(2)).ravel()[3] < 0.3
    colour(layer, tones(OF, None, ()))
    assert layer.colormap is before
