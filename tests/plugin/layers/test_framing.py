"""An image that the canvas would not show when it is opened is brought into view."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.framing import frame_if_lost, same_view
from napari_pmrnet.plugin.layers.pixel_size import write_size

pytestmark = pytest.mark.skipif(
    not hasattr(ViewerModel(), "canvas"),
    reason="napari before 0.9 hides the size of its canvas",
)


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer of 400 x 400 canvas pixels that shows an image of 100 x 100 units."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((100, 100)))
    viewer.canvas.size = (400, 400)
    camera_of(viewer).center, camera_of(viewer).zoom = (0, 50, 50), 4
    return viewer


def seen(viewer: ViewerModel) -> tuple:
    camera = camera_of(viewer)
    return (*camera.center[-2:], camera.zoom)


@pytest.mark.parametrize(
    ("shape", "options", "framed"),
    [
        ((100, 100), {}, False),
        ((120, 90), {}, False),
        ((512, 512), {"scale": (0.325, 0.325)}, False),
        ((100, 100), {"scale": (0.05, 0.05)}, True),
        ((1000, 1000), {"scale": (100, 100)}, True),
        ((100, 100), {"translate": (500, 0)}, True),
    ],
)
def test_it_is_framed_where_it_would_not_be_seen(viewer, shape, options, framed):
    others, before = list(viewer.layers), seen(viewer)
    image = viewer.add_image(np.zeros(shape), **options)
    assert frame_if_lost(viewer, image, others) is framed
    assert (seen(viewer) != before) is framed
    if framed:
        low, high = np.asarray(image.extent.world)[:, -2:]
        np.testing.assert_allclose(seen(viewer)[:2], (low + high) / 2)
        on_screen = (high - low) * camera_of(viewer).zoom
        assert 300 < on_screen.max() <= 400


def test_a_further_channel_leaves_the_zoom_that_the_user_chose(viewer):
    others = list(viewer.layers)
    camera_of(viewer).center, camera_of(viewer).zoom = (0, 10, 10), 100
    before = seen(viewer)
    image = viewer.add_image(np.zeros((100, 100)))
    assert not frame_if_lost(viewer, image, others) and seen(viewer) == before


def test_three_dimensions_are_left_alone(viewer):
    others = list(viewer.layers)
    image = viewer.add_image(np.zeros((5, 100, 100)), translate=(0, 900, 900))
    viewer.dims.ndisplay = 3
    assert not frame_if_lost(viewer, image, others)


def test_a_corrected_pixel_size_leaves_the_same_pixels_in_view(viewer):
    image = viewer.layers[0]
    camera = camera_of(viewer)
    camera.center, camera.zoom = (0, 80, 30), 12
    with same_view(viewer, image):
        write_size([image], (0.25, 0.25), "micrometer")
    np.testing.assert_allclose(seen(viewer), (20, 7.5, 48))
    with same_view(viewer, image):
        write_size([image], (0.5, 1.0), "micrometer")
    np.testing.assert_allclose(image.world_to_data(camera.center[-2:]), (80, 30))
    assert camera.zoom == pytest.approx(16)
