"""A combo box that follows the layers of a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_pmrnet.plugin.widgets.layer_chooser import LayerChooser


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_layer(Image(np.zeros((4, 5)), name="cells"))
    viewer.add_layer(Labels(np.zeros((4, 5), int), name="first"))
    viewer.add_layer(Labels(np.zeros((4, 5), int), name="second"))
    return viewer


def texts(chooser: LayerChooser) -> list[str]:
    return [chooser.combo.itemText(i) for i in range(chooser.combo.count())]


def test_layers_of_one_kind_are_offered_in_their_order(qtbot, viewer) -> None:
    chooser = LayerChooser(viewer, Labels)
    qtbot.addWidget(chooser)
    assert texts(chooser) == ["first", "second"]
    viewer.layers.move(2, 0)
    assert texts(chooser) == ["second", "first"]
    assert chooser.value() is viewer.layers["first"]
    top = LayerChooser(viewer, Labels, topmost_first=True)
    qtbot.addWidget(top)
    assert texts(top) == ["first", "second"] and top.layers()[0].name == "second"


def test_the_choice_stays_until_its_layer_goes(qtbot, viewer) -> None:
    chooser = LayerChooser(viewer, Labels)
    qtbot.addWidget(chooser)
    told: list[object] = []
    chooser.changed.connect(lambda: told.append(chooser.value()))
    second = viewer.layers["second"]
    chooser.set_value(second)
    second.name = "renamed"
    viewer.layers["first"].name = "renamed"
    viewer.add_layer(Labels(np.zeros((4, 5), int), name="third"))
    assert chooser.value() is second and told == [second]
    assert texts(chooser)[1:] == ["renamed", "third"] and chooser.combo.count() == 3
    viewer.layers.remove(second)
    assert told[1:] == [viewer.layers[1]]
    chooser.set_value(second)
    assert chooser.value() is viewer.layers[1]


def test_other_values_stand_before_the_layers(qtbot, viewer) -> None:
    chooser = LayerChooser(viewer, Labels, label="In '{}'")
    qtbot.addWidget(chooser)
    chooser.set_fixed([(None, "Whole image"), (1, "One")])
    assert texts(chooser) == ["Whole image", "One", "In 'first'", "In 'second'"]
    assert chooser.value() is viewer.layers["first"]
    chooser.set_value(None)
    viewer.layers.clear()
    assert texts(chooser) == ["Whole image", "One"] and chooser.value() is None


def test_nothing_is_named_and_nothing_followed_after_release(qtbot, viewer) -> None:
    chooser = LayerChooser(viewer, Image, lambda layer: layer.visible, nothing="None")
    qtbot.addWidget(chooser)
    viewer.layers["cells"].visible = False
    chooser.refresh()
    assert texts(chooser) == ["None"] and chooser.value() is None
    chooser.release()
    viewer.add_layer(Image(np.zeros((4, 5)), name="late"))
    assert texts(chooser) == ["None"]
