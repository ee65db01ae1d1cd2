"""A result of one plane of a stack is on show with that plane only."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_pmrnet.plugin.layers.axes import shown_plane
from napari_pmrnet.plugin.layers.on_plane import hide, keep_to_plane, place_of

PLANES = 4


def viewer_of(shape=(PLANES, 6, 8), **options) -> tuple[ViewerModel, Image]:
    viewer = ViewerModel()
    options.setdefault("axis_labels", ("z", "y", "x")[-len(shape) :])
    return viewer, viewer.add_image(np.zeros(shape), **options)


def keep(viewer: ViewerModel, image: Image, **options) -> Labels:
    """A Labels layer of the plane of an image that is on show."""
    layer = viewer.add_labels(np.ones((6, 8), np.int32), **options)
    title = shown_plane(image, viewer.dims.point, viewer.dims.axis_labels).title
    keep_to_plane(viewer, layer, image, title)
    return layer


def go(viewer: ViewerModel, *steps: int) -> None:
    for axis, step in enumerate(steps):
        viewer.dims.set_current_step(axis, step)


@pytest.mark.parametrize(
    ("title", "place"), [("z=3", (3,)), ("t=2 z=15", (2, 15)), ("axis 0=7", (7,))]
)
def test_the_place_that_a_title_says(title: str, place: tuple[int, ...]) -> None:
    assert place_of(title) == place


def test_it_goes_and_comes_with_its_plane() -> None:
    viewer, image = viewer_of(scale=(3, 0.5, 0.5), translate=(10, 1, 2))
    go(viewer, 1)
    first = keep(viewer, image)
    go(viewer, 2)
    second = keep(viewer, image)
    for step in (0, 1, 2, 3, 2, 1):
        go(viewer, step)
        assert (first.visible, second.visible) == (step == 1, step == 2)


def test_a_layer_that_comes_when_its_plane_is_gone_waits_for_it() -> None:
    viewer, image = viewer_of()
    go(viewer, 1)
    title = shown_plane(image, viewer.dims.point).title
    go(viewer, 3)
    layer = viewer.add_labels(np.ones((6, 8), np.int32))
    keep_to_plane(viewer, layer, image, title or "z=1")
    assert not layer.visible
    go(viewer, 1)
    assert layer.visible


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("go"), st.integers(0, PLANES - 1)),
            st.tuples(st.just("eye"), st.integers(0, 1)),
        ),
        max_size=12,
    )
)
def test_it_is_never_seen_over_another_plane(deeds: list[tuple[str, int]]) -> None:
    viewer, image = viewer_of()
    layers, wanted = [], [True, True]
    for step in range(2):
        go(viewer, step)
        layers.append(keep(viewer, image))
    for deed, number in deeds:
        if deed == "go":
            go(viewer, number)
        else:
            layers[number].visible = wanted[number] = not layers[number].visible
        here = viewer.dims.current_step[0]
        seen = [layer.visible for layer in layers]
        assert seen == [wanted[k] and here == k for k in range(2)]


def test_showing_it_goes_to_its_plane() -> None:
    viewer, image = viewer_of(
        (2, 3, PLANES, 6, 8),
        axis_labels=("t", "c", "z", "y", "x"),
        scale=(5, 1, 2, 1, 1),
        translate=(100, 0, -7, 0, 0),
    )
    go(viewer, 1, 0, 3)
    layer = keep(viewer, image)
    go(viewer, 0, 2, 1)
    assert not layer.visible
    layer.visible = True
    assert viewer.dims.current_step[:3] == (1, 2, 3) and layer.visible
    go(viewer, 1, 1, 3)
    assert layer.visible, "channels are no planes"


def test_what_was_hidden_for_good_stays_so() -> None:
    viewer, image = viewer_of()
    go(viewer, 1)
    layer = keep(viewer, image)
    go(viewer, 2)
    hide(layer)
    go(viewer, 1)
    assert not layer.visible
    layer.visible = True
    hide(layer)
    assert not layer.visible


def test_labels_of_a_plain_image_are_no_concern_of_it() -> None:
    viewer, image = viewer_of((6, 8))
    viewer.add_image(np.zeros((PLANES, 6, 8)))
    layer = keep(viewer, image)
    for step in range(PLANES):
        go(viewer, step)
        assert layer.visible


def test_axes_may_be_renamed_and_undo_goes_on() -> None:
    viewer, image = viewer_of()
    go(viewer, 1)
    layer = keep(viewer, image)
    viewer.dims.axis_labels = ("depth", "y", "x")
    with layer.block_history():
        layer.data_setitem((np.array([0]), np.array([0])), 9)
    go(viewer, 2)
    assert not layer.visible
    go(viewer, 1)
    assert layer.visible and layer.data[0, 0] == 9
    layer.undo()
    assert layer.data[0, 0] == 1


def test_nothing_is_kept_of_a_viewer_that_is_gone() -> None:
    viewer, image = viewer_of()
    keep(viewer, image)
    gone = ref(viewer), ref(image)
    del viewer, image
    gc.collect()
    assert [one() for one in gone] == [None, None]
