"""What is known of labels stays with their layer, as long as it is of their pixels."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_pmrnet.plugin.layers.origins import (
    known_of,
    map_layers,
    note_origins,
    show_labels,
)
from napari_pmrnet.proofreading.origin import origins

FOUND = np.ones((6, 7), np.int32)
STACK = np.ones((3, 6, 7), np.int32)


@pytest.mark.parametrize(
    ("found", "other"),
    [
        (FOUND, FOUND[:3]),
        (FOUND, STACK),
        (STACK, STACK[:2]),
        (STACK, STACK[:, :3]),
        (STACK, STACK[None]),
    ],
)
def test_an_origin_is_known_until_the_labels_have_other_pixels(found, other) -> None:
    layer, origin = Labels(found.copy()), origins(found)
    assert known_of(layer) is None
    statuses = {("nucleus", 1): "accepted"}
    note_origins(layer, origin, statuses)
    statuses.clear()
    known = known_of(layer)
    assert known is not None and known.origins == origin
    assert known.statuses == {("nucleus", 1): "accepted"}
    layer.data = other.copy()
    assert known_of(layer) is None


def test_maps_become_hidden_layers_in_their_place() -> None:
    maps = {kind: np.ones(FOUND.shape, np.float32) for kind in ("certainty", "other")}
    (layer,) = map_layers("a", maps, scale=(2, 3))
    assert layer.name == "a certainty" and not layer.visible
    assert tuple(layer.scale) == (2, 3)
    assert map_layers("a", {}) == []


def test_labels_are_shown_over_their_maps_and_are_known_when_they_come() -> None:
    viewer, layer = ViewerModel(), Labels(STACK.copy(), name="a labels")
    seen = []
    viewer.layers.events.inserted.connect(
        lambda event: seen.append((event.value.name, known_of(layer) is not None))
    )
    maps = map_layers("a", {"certainty": np.ones(STACK.shape)})
    added = show_labels(viewer, layer, maps, origins(STACK))
    assert seen == [("a certainty", True), ("a labels", True)]
    assert added == list(viewer.layers)
    assert viewer.layers.selection.active is layer
