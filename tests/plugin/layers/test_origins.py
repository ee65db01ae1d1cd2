"""What is known of labels stays with their layer, as long as it is of their pixels."""

import numpy as np
from napari.layers import Labels

from napari_pmrnet.plugin.layers.origins import known_of, map_layers, note_origin
from napari_pmrnet.proofreading.origin import Origin

FOUND = np.ones((6, 7), np.int32)


def test_an_origin_is_known_until_the_labels_have_other_pixels() -> None:
    layer, origin = Labels(FOUND.copy()), Origin(FOUND, {}, None)
    assert known_of(layer) is None
    statuses = {("nucleus", 1): "accepted"}
    note_origin(layer, origin, statuses)
    statuses.clear()
    known = known_of(layer)
    assert known is not None and known.origin is origin
    assert known.statuses == {("nucleus", 1): "accepted"}
    layer.data = np.ones((3, 7), np.int32)
    assert known_of(layer) is None


def test_maps_become_hidden_layers_in_their_place() -> None:
    maps = {kind: np.ones(FOUND.shape, np.float32) for kind in ("certainty", "other")}
    (layer,) = map_layers("a", Origin(FOUND, maps, None), scale=(2, 3))
    assert layer.name == "a certainty" and not layer.visible
    assert tuple(layer.scale) == (2, 3)
    assert map_layers("a", Origin(FOUND, {}, None)) == []
