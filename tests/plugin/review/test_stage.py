"""What a review has in the viewer comes with it and goes with it."""

import gc
from weakref import ref

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QCoreApplication, QEvent, Qt


def test_all_is_let_go_when_the_review_ends(open_review) -> None:
    hands = open_review()
    dock, layer, viewer = hands.dock, hands.dock.session.layer, hands.viewer
    stage, own = dock.stage, layer.colormap
    stage.colour(True)
    assert isinstance(layer.colormap, DirectLabelColormap)
    stage.take_up("split")
    assert dock.edits.buttons["split"].isDown()
    assert stage.canvas._on_mouse in viewer.mouse_drag_callbacks
    dock.desk.end()
    assert dock.stage is None and layer.colormap is own
    assert stage.canvas.tool == "" and not dock.edits.buttons["split"].isDown()
    assert stage.canvas._on_mouse not in viewer.mouse_drag_callbacks
    before = hands.viewer.layers["c nuclei"].data.copy()
    hands.key(Qt.Key.Key_D)
    assert (layer.data == before).all()


def test_nothing_is_kept_of_reviews_that_ended(open_review) -> None:
    """Their labels and maps would fill the memory on the way through a folder."""
    dock = open_review().dock
    ended = [ref(one) for one in (dock.stage, dock.session, dock.session.review)]
    dock.desk.end()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert [one() for one in ended] == [None] * 3


def test_nuclei_of_little_doubt_stand_back(open_review) -> None:
    hands = open_review()
    stage, layer = hands.dock.stage, hands.dock.session.layer
    stage.colour(True)
    certain = layer.colormap.color_dict[1][3]
    stage.colour(True, 0.3)
    assert layer.colormap.color_dict[1][3] < certain


def test_a_tool_pressed_again_is_put_away(open_review) -> None:
    stage = open_review().dock.stage
    stage.take_up("cut")
    stage.take_up("cut")
    assert stage.canvas.tool == ""


def test_a_pause_has_ways_on(open_review) -> None:
    hands = open_review()
    stage, viewer = hands.dock.stage, hands.viewer
    assert stage.ways_on(print) == []
    other = viewer.add_labels(np.ones((60, 80), np.int32), name="other")
    viewer.layers.selection.active = other
    turned = []
    (go_on, bring), (turn, take) = stage.ways_on(turned.append)
    assert (go_on, turn) == ("Go on with 'c nuclei'", "Review 'other'")
    assert not stage.turn_other("undo"), "there was nothing to undo in it"
    take()
    assert [layer.name for layer in turned] == ["other"]
    bring()
    assert not hands.dock.session.paused and stage.ways_on(print) == []
