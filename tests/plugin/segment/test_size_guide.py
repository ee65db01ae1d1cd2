"""The circle of a typical nucleus: its size, its place, and when it is offered."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.segment.size_guide import NAME, SizeGuide

from ..conftest import make_segmentation


def circles(viewer) -> np.ndarray:
    """Middle (y, x) and diameter of each circle that is drawn."""
    starts = viewer.layers[NAME].data[:, 0]
    colours = viewer.layers[NAME].edge_color
    found = []
    for colour in np.unique(colours, axis=0):
        ring = starts[(colours == colour).all(axis=1)]
        middle = (ring.min(axis=0) + ring.max(axis=0)) / 2
        found.append([*middle, np.ptp(ring[:, 0])])
    return np.array(found)


@pytest.mark.parametrize("rgb", [True, False])
def test_circles_lie_in_the_middle_of_the_view(qapp, rgb) -> None:
    viewer = ViewerModel()
    shape = (60, 80, 3) if rgb else (5, 60, 80)
    image = viewer.add_image(
        np.zeros(shape), rgb=rgb, scale=(2, 2) if rgb else (1, 2, 2)
    )
    camera_of(viewer).center = (40, 60)
    guide = SizeGuide(viewer)
    guide.show(image, [20])
    guide._overlay.flush()
    np.testing.assert_allclose(circles(viewer), [[20, 30, 20]], atol=0.1)
    guide.show(image, [12, 24])
    guide._overlay.flush()
    found = circles(viewer)
    np.testing.assert_allclose(sorted(found[:, 2]), [12, 24], atol=0.1)
    assert abs(found[0, 1] - found[1, 1]) > (12 + 24) / 2
    np.testing.assert_allclose(found[:, 0], 20, atol=0.1)
    camera_of(viewer).center = (4000, -600)
    guide.show(image, [10])
    guide._overlay.flush()
    np.testing.assert_allclose(circles(viewer)[0, :2], [59, 0], atol=0.1)
    guide.release()
    assert NAME not in viewer.layers


def test_the_circle_follows_the_diameter_and_goes(open_dock, blobs, qtbot) -> None:
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    button, field = dock.image_panel.size_button, dock.form.fields["diameter"]
    button.click()
    assert NAME not in viewer.layers  # nothing is known yet
    field.set_value(30)
    qtbot.waitUntil(lambda: NAME in viewer.layers)
    np.testing.assert_allclose(circles(viewer)[0, 2], 30, atol=0.1)
    field.set_value(44)
    qtbot.waitUntil(lambda: abs(circles(viewer)[0, 2] - 44) < 0.1)
    viewer.layers.remove("cells")
    assert NAME not in viewer.layers
    viewer.add_image(blobs, name="cells")
    qtbot.waitUntil(lambda: NAME in viewer.layers)
    button.click()
    assert NAME not in viewer.layers


def test_the_other_size_is_taken_by_one_click(
    open_dock, run_and_wait, blobs, qtbot, monkeypatch
) -> None:
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    seen = make_segmentation(blobs / 255)
    object.__setattr__(seen, "diameter", 12.0)
    object.__setattr__(seen, "other_diameter", 43.21)
    with monkeypatch.context() as patch:
        patch.setattr("tests.plugin.conftest.make_segmentation", lambda *_: seen)
        run_and_wait(dock)
    qtbot.waitUntil(lambda: NAME in viewer.layers)
    assert sorted(circles(viewer)[:, 2].round()) == [12, 43]
    panel = dock.run_panel
    assert not panel.size_notice.isHidden()
    assert panel.size_button.text() == "Segment at 43 pixels"
    viewer.add_image(blobs[:40], name="others")
    assert panel.size_notice.isHidden()
    dock.image_panel.image.set_value(viewer.layers["cells"])
    assert not panel.size_notice.isHidden()
    panel.size_button.click()
    qtbot.waitUntil(panel.run_button.isEnabled)
    assert dock.form.settings().diameter == 43.2
    assert panel.size_notice.isHidden()
    qtbot.waitUntil(lambda: len(circles(viewer)) == 1)
