"""Maps of the parts of the network: on request, over the image, and gone in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_pmrnet.plugin.layers.result_layers import MORE_MAPS
from napari_pmrnet.plugin.segment import jobs
from napari_pmrnet.segmentation import Segmentation
from napari_pmrnet.segmentation.plane import Plane

TITLES = list(MORE_MAPS.values())


@pytest.fixture
def asked(monkeypatch) -> list[tuple[np.ndarray, Segmentation]]:
    """Pixels and segmentations of which maps were asked for, of a stand-in."""
    calls = []

    def steps(plane: Plane, found: Segmentation):
        calls.append((plane.read(), found))
        yield jobs.Progress(1, 1, "tile")
        ramp = np.linspace(0, 1, found.labels.size, dtype=np.float32)
        return {kind: ramp.reshape(found.labels.shape) for kind in MORE_MAPS}

    monkeypatch.setattr(jobs, "more_maps_steps", steps)
    return calls


@pytest.fixture
def segmented(open_dock, run_and_wait, blobs, asked, qtbot) -> Any:
    """A dock with a result, and what presses the button and waits."""
    viewer, dock = open_dock()
    image = viewer.add_image(
        blobs, name="cells", scale=(0.5, 0.25), translate=(3, 4), units=("um", "um")
    )
    run_and_wait(dock)

    def show() -> None:
        dock.maps_panel.expand()
        dock.maps_panel.maps_button.click()
        qtbot.waitUntil(dock.run_panel.run_button.isEnabled)

    def names() -> list[str]:
        return [layer.name for layer in viewer.layers]

    return SimpleNamespace(
        viewer=viewer, dock=dock, image=image, show=show, names=names
    )


def test_a_run_does_not_make_them(segmented, asked, core) -> None:
    assert not any(title in name for title in TITLES for name in segmented.names())
    assert "extra_maps" not in core.calls[0] and not asked
    assert not segmented.dock.maps_panel.content.isVisible(), "folded"


def test_they_lie_over_the_image_under_its_labels(segmented, asked, blobs) -> None:
    segmented.show()
    layers, names = segmented.viewer.layers, segmented.names()
    assert names[-5:] == [*(f"cells {title}" for title in TITLES), "cells nuclei"]
    assert (asked[0][0] == blobs).all()
    for title in TITLES:
        layer = layers[f"cells {title}"]
        assert layer.data.shape == blobs.shape and layer.data.dtype == np.float32
        assert tuple(layer.contrast_limits) == (0, 1)
        assert layer.units == segmented.image.units
        for corner in ((-0.5, -0.5), (0, 0), (79.5, 99.5)):
            world = segmented.image.data_to_world(corner)
            assert np.allclose(layer.data_to_world(corner), world)
        assert layer.visible == (title == TITLES[0])
    assert layers.selection.active == layers["cells nuclei"]
    assert "4 more maps" in segmented.dock.status.text.text()
    segmented.show()
    assert segmented.names() == names, "asked again they take their own place"


def test_layers_over_the_labels_stay_there(segmented) -> None:
    for name in ("first", "second"):
        segmented.viewer.add_shapes(name=name)
    segmented.show()
    assert segmented.names()[-3:] == ["cells nuclei", "first", "second"]


def test_they_go_when_the_image_is_segmented_again(segmented, run_and_wait) -> None:
    segmented.show()
    run_and_wait(segmented.dock)
    assert not any(title in name for title in TITLES for name in segmented.names())


@pytest.mark.parametrize("gone", ["cells", "cells nuclei"])
def test_they_go_with_their_labels_and_their_image(segmented, gone, qtbot) -> None:
    segmented.show()
    segmented.viewer.layers.remove(gone)
    qtbot.waitUntil(
        lambda: not any(t in name for t in TITLES for name in segmented.names())
    )
    left = {"cells", "cells nuclei", "cells certainty"} - {gone}
    assert left <= set(segmented.names())


def test_all_layers_can_be_removed_at_once(segmented, qtbot) -> None:
    segmented.show()
    segmented.viewer.layers.clear()
    qtbot.wait(50)
    assert not segmented.names()


def test_a_threshold_leaves_them(segmented, qtbot) -> None:
    segmented.show()
    names = segmented.names()
    segmented.dock.form.fields["probability_threshold"].set_value(0.4)
    segmented.dock.form.changed.emit("probability_threshold")
    qtbot.waitUntil(lambda: "these thresholds" in segmented.dock.status.text.text())
    assert segmented.names() == names


def test_without_a_result_of_these_pixels_it_is_said_why(
    segmented, asked, open_dock
) -> None:
    dock, image = segmented.dock, segmented.image
    image.data = np.roll(image.data, 3, axis=0)
    segmented.show()
    assert "other pixels" in dock.status.text.text()
    segmented.viewer.layers.remove("cells nuclei")
    segmented.show()
    assert "Segment it" in dock.status.text.text()
    segmented.viewer.layers.clear()
    segmented.show()
    assert "no image layer" in dock.status.text.text() and not asked


def test_maps_that_come_too_late_are_dropped(segmented, monkeypatch, qtbot) -> None:
    def steps(plane, found):
        yield jobs.Progress(0, 1, "tile")
        segmented.removed = True
        return {kind: np.zeros(found.labels.shape, np.float32) for kind in MORE_MAPS}

    monkeypatch.setattr(jobs, "more_maps_steps", steps)
    dock = segmented.dock
    dock.maps_panel.maps_button.click()
    assert not dock.maps_panel.maps_button.isEnabled()
    segmented.viewer.layers.remove("cells nuclei")
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert "dropped" in dock.status.text.text()
    assert not any(title in name for title in TITLES for name in segmented.names())
