"""The zoom is that of the typical nucleus, or what the user has chosen."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.review.camera import SHARE, ReviewCamera

ROOM = (800, 600)
FRAGMENT = slice(100, 103), slice(200, 204)
GIANT = slice(0, 300), slice(100, 400)


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((1000, 1200), np.int32), scale=(0.5, 0.5))
    return viewer


@pytest.fixture
def camera(viewer) -> ReviewCamera:
    made = ReviewCamera(viewer, lambda: ROOM)
    viewer.reset_view()
    return made


def layer_of(viewer: ViewerModel) -> Labels:
    return viewer.layers[0]


def test_every_place_is_shown_at_the_zoom_of_the_typical_nucleus(
    viewer, camera
) -> None:
    wanted = SHARE * 600 / (20 * 0.5)
    for box in (FRAGMENT, GIANT, FRAGMENT):
        camera.bring(layer_of(viewer), box, 20)
        assert camera_of(viewer).zoom == pytest.approx(wanted)
    assert camera_of(viewer).center[-2:] == pytest.approx((50.5, 100.75))


def test_a_zoom_that_the_user_chose_stays(viewer, camera) -> None:
    camera.bring(layer_of(viewer), GIANT, 20)
    camera_of(viewer).zoom *= 0.3
    chosen = camera_of(viewer).zoom
    for diameter in (20, 40):
        camera.bring(layer_of(viewer), FRAGMENT, diameter)
        assert camera_of(viewer).zoom == chosen
    assert camera_of(viewer).center[-2:] == pytest.approx((50.5, 100.75))


def test_a_zoom_chosen_before_the_review_stays_too(viewer) -> None:
    viewer.reset_view()
    camera_of(viewer).zoom *= 4
    chosen = camera_of(viewer).zoom
    camera = ReviewCamera(viewer, lambda: ROOM)
    camera.bring(layer_of(viewer), FRAGMENT, 20)
    assert camera_of(viewer).zoom == chosen


def test_reset_view_gives_the_zoom_out_of_the_users_hand(viewer, camera) -> None:
    camera_of(viewer).zoom = 17
    viewer.reset_view()
    camera.bring(layer_of(viewer), FRAGMENT, 20)
    assert camera_of(viewer).zoom == pytest.approx(SHARE * 600 / 10)


def test_another_image_has_a_typical_nucleus_of_its_own(viewer, camera) -> None:
    camera.bring(layer_of(viewer), FRAGMENT, 20)
    camera.bring(layer_of(viewer), FRAGMENT, 60)
    assert camera_of(viewer).zoom == pytest.approx(SHARE * 600 / 30)


def test_what_is_large_enough_is_not_made_smaller(viewer, camera) -> None:
    before = camera_of(viewer).zoom
    camera.bring(layer_of(viewer), GIANT, 400)
    assert camera_of(viewer).zoom == before
    camera.bring(layer_of(viewer), GIANT, 0)
    assert camera_of(viewer).zoom == before


def test_nothing_is_left_of_a_camera_that_was_released(viewer, camera) -> None:
    camera.release()
    camera_of(viewer).zoom = 5
    viewer.reset_view()
    assert camera._chosen is None or camera._chosen is False
