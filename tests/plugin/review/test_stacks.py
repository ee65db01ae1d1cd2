"""The review of a movie in a real viewer: clicks and keys in, pixels of a frame out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.plugin.review.persistence import prepare
from napari_pmrnet.proofreading.journal import fingerprint, journal_path, read_journal
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation
from napari_pmrnet.settings import Settings

from ..conftest import FakeModel, Found, make_segmentation
from .conftest import CONTROL, SHIFT, Driver, found

FRAMES = 3


def film() -> StackSegmentation:
    """Frames of `found`, moving to the right; in the last the second nucleus is alone.

    Numbers 1 and 2 are linked, and every frame has a proposal.
    """
    planes, labels, rows = {}, [], []
    for t in range(FRAMES):
        first = found()
        probability = np.roll(first.maps["probability"], 2 * t, axis=1)
        if t == FRAMES - 1:
            probability[:25] = 0
        made = make_segmentation(probability)
        numbers = np.arange(3) if made.labels.max() == 2 else np.array([0, 2])
        own = numbers[made.labels].astype(np.int32)
        certainty = np.where(own == 2, 0.4 + 0.1 * t, 0.95).astype(np.float32)
        boundary = np.roll(first.maps["boundary"], 2 * t, axis=1)
        maps = {**made.maps, "boundary": boundary, "certainty": certainty}
        planes[t,] = Found(made.labels, maps, made.objects, made.settings)
        labels.append(own)
        rows.append(made.objects.assign(label=numbers[made.objects["label"]], t=t))
    maps = {
        kind: np.stack([part.maps[kind] for part in planes.values()])
        for kind in ("probability", "boundary", "certainty")
    }
    return StackSegmentation(
        np.stack(labels),
        maps,
        pd.concat(rows, ignore_index=True),
        Settings(),
        FakeModel(),
        "cpu",
        axes=("t", "y", "x"),
        link="t",
        planes=planes,
    )


@pytest.fixture
def open_film(open_review):
    def open_() -> Driver:
        made = film()
        pixels = made.maps["probability"] * 100
        image = Image(pixels, name="film", axis_labels=("t", "y", "x"))
        hands = open_review(made, image, (0, 1, 2))
        hands.viewer.dims.set_current_step(0, 0)  # napari begins in the middle
        return hands

    return open_


def frame(hands: Driver) -> int:
    return int(hands.viewer.dims.current_step[0])


def test_the_queue_jumps_between_frames(open_film) -> None:
    hands = open_film()
    dock = hands.dock
    places = dock.table.places_model.places
    order = list(zip(places["kind"], places["number"], places["axis 0"], strict=True))
    assert order == [
        *(("missed", 1, t) for t in range(3)),
        *(("nucleus", 2, t) for t in range(3)),
        *(("nucleus", 1, t) for t in range(2)),
    ]
    assert "2 nuclei on 3 planes" in dock.status.text.text()
    assert dock.queue.progress.text() == "0 of 5 reviewed, 0 edited"
    assert not dock.table.isColumnHidden(6) and dock.table.isColumnHidden(4)
    hands.click(58, 78)
    hands.viewer.dims.set_current_step(0, 2)
    hands.key(Qt.Key.Key_W)
    assert dock.current == ("missed", 1, 0) and frame(hands) == 0
    hands.key(Qt.Key.Key_A)
    assert (hands.data[0, 50:56, 70:76] == 3).all() and not (hands.data[1:] == 3).any()
    assert dock.current == ("missed", 1, 1) and frame(hands) == 1
    hands.key(Qt.Key.Key_D)
    assert dock.current == ("missed", 1, 2) and frame(hands) == 2
    hands.key(Qt.Key.Key_W)
    assert dock.current == ("nucleus", 2, 0) and frame(hands) == 0
    assert "at t=0" in dock.status.text.text()
    assert camera_of(hands.viewer).center[-2:] == pytest.approx((37, 17))
    hands.key(Qt.Key.Key_A)
    assert dock.current == ("nucleus", 2, 1) and frame(hands) == 1
    hands.key(Qt.Key.Key_D)
    assert not (hands.data[1] == 2).any() and (hands.data[2] == 2).any()
    assert dock.current == ("nucleus", 2, 2) and frame(hands) == 2
    assert dock.queue.progress.text() == "2 of 5 reviewed, 1 edited"
    hands.key(Qt.Key.Key_Q)
    for _ in range(4):
        hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == film().labels).all() and frame(hands) == 0
    assert not dock.session.course.statuses
    for _ in range(4):
        hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert dock.queue.progress.text() == "2 of 5 reviewed, 1 edited"
    assert not (hands.data[1] == 2).any() and frame(hands) == 1


def test_what_is_off_the_frame_on_show_is_not_edited(open_film, qtbot) -> None:
    hands = open_film()
    dock, before = hands.dock, film().labels
    hands.click(12, 10)
    assert dock.current == ("nucleus", 1, 0)
    marks = hands.viewer.layers["review outline"]
    qtbot.wait(20)
    assert len(marks.data)
    hands.viewer.dims.set_current_step(0, 1)
    assert dock.current == ("nucleus", 1, 1), "the same number, on the frame on show"
    hands.viewer.dims.set_current_step(0, 2)
    qtbot.wait(20)
    assert dock.current is None and not len(marks.data)
    hands.key(Qt.Key.Key_D)
    assert "choose one in the table" in dock.status.text.text()
    hands.viewer.dims.set_current_step(0, 0)
    hands.key(Qt.Key.Key_D)
    assert (hands.data == before).all()
    hands.key(Qt.Key.Key_S)
    hands.click(12, 10)
    hands.viewer.dims.set_current_step(0, 1)
    assert (
        dock.stage.canvas.tool == ""
        and "nothing was changed" in dock.status.text.text()
    )
    hands.click(12, 12, CONTROL)
    hands.click(12, 34, CONTROL)
    hands.key(Qt.Key.Key_Return)
    assert (hands.data[[0, 2]] == before[[0, 2]]).all()
    assert np.unique(hands.data[1]).tolist() == [0, 1, 2, 3]


def test_one_key_edits_a_linked_nucleus_on_all_frames(open_film, qtbot) -> None:
    hands = open_film()
    dock, before = hands.dock, film().labels
    assert dock.edits.through.isVisibleTo(dock)
    dock.edits.through.click()
    hands.click(37, 17)
    hands.key(Qt.Key.Key_D)
    assert not (hands.data == 2).any() and ((hands.data == 1) == (before == 1)).all()
    assert "Nucleus 2 deleted on 3 planes" in dock.status.text.text()
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()
    hands.viewer.dims.set_current_step(0, 1)
    hands.click(37, 19)
    hands.click(12, 15, SHIFT)
    assert ((hands.data > 0) == (before > 0)).all() and set(np.unique(hands.data)) == {
        0,
        2,
    }
    hands.key(Qt.Key.Key_Z, CONTROL)
    hands.key(Qt.Key.Key_A)
    assert len(dock.session.course.statuses) == 3
    assert "on 3 planes" in dock.status.text.text()
    qtbot.wait(300)
    features = hands.dock.session.layer.features.set_index("index")
    assert features["reviewed"].tolist() == [False, True]
    hands.key(Qt.Key.Key_Z, CONTROL)
    dock.edits.through.click()
    hands.click(37, 17 + 2 * frame(hands))
    hands.key(Qt.Key.Key_A)
    assert len(dock.session.course.statuses) == 1


def test_undo_goes_to_the_frame_it_undoes(open_film, qtbot) -> None:
    hands = open_film()
    dock, layer = hands.dock, hands.dock.session.layer
    hands.viewer.dims.set_current_step(0, 1)
    hands.key(Qt.Key.Key_N)
    layer.brush_size = 4
    hands.draw((50, 50), (50, 56))
    qtbot.wait(20)
    assert (hands.data[1] == 3).any() and dock.current == ("nucleus", 3, 1)
    layer.mode = "pan_zoom"
    hands.viewer.dims.set_current_step(0, 2)
    hands.click(37, 21)
    hands.key(Qt.Key.Key_D)
    hands.viewer.dims.set_current_step(0, 0)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert frame(hands) == 2 and dock.current == ("nucleus", 2, 2)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == film().labels).all()
    hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert (hands.data[1] == 3).any()


def test_many_at_once_are_those_of_the_frame_or_of_all(open_film) -> None:
    hands = open_film()
    dock, before = hands.dock, film().labels
    dock.bulk.delete_below.emit("area", 300)
    assert not (hands.data[0] == 2).any() and (hands.data[1:] == before[1:]).all()
    dock.edits.through.click()
    dock.bulk.delete_below.emit("area", 300)
    assert not (hands.data == 2).any()
    hands.key(Qt.Key.Key_Z, CONTROL)
    hands.key(Qt.Key.Key_Z, CONTROL)
    hands.key(Qt.Key.Key_R)
    hands.draw((1, 1), (50, 50))
    assert not hands.data.any()
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()


def test_colours_are_those_of_the_frame_on_show(open_film) -> None:
    hands = open_film()
    dock, layer = hands.dock, hands.dock.session.layer
    dock.queue.colour.setChecked(True)
    first = layer.get_color(2)
    hands.viewer.dims.set_current_step(0, 2)
    assert not np.array_equal(layer.get_color(2), first)


def test_three_dimensions_pause_the_review(open_film) -> None:
    hands = open_film()
    hands.click(12, 10)
    hands.viewer.dims.ndisplay = 3
    assert "two dimensions" in hands.dock.session.paused
    hands.viewer.dims.ndisplay = 2
    assert not hands.dock.session.paused


def test_a_journal_brings_all_frames_back(open_film, qtbot, aside) -> None:
    hands = open_film()
    hands.click(37, 17)
    hands.key(Qt.Key.Key_D)
    hands.viewer.dims.set_current_step(0, 1)
    hands.click(12, 14)
    hands.key(Qt.Key.Key_A)
    edited, statuses = hands.data.copy(), dict(hands.dock.session.course.statuses)
    image = np.asarray(hands.viewer.layers["film"].data)
    hands.dock.release()
    kept = read_journal(journal_path(None, fingerprint(image)))
    assert (kept.labels == edited).all() and kept.statuses == statuses
    again = open_film()
    assert "1 change" in again.dock.offer.text.text() or again.dock.offer.isVisible()
    again.dock.offer.buttons()[0].click()
    assert (again.data == edited).all()
    assert again.dock.session.course.statuses == statuses
    again.key(Qt.Key.Key_Z, CONTROL)
    assert (again.data == film().labels).all()


def test_a_saved_review_of_a_film_opens_with_its_maps(
    open_film, qtbot, tmp_path
) -> None:
    hands = open_film()
    dock = hands.dock
    hands.click(37, 17)
    hands.key(Qt.Key.Key_D)
    hands.viewer.dims.set_current_step(0, 1)
    edited = hands.data.copy()
    dock.desk.save(tmp_path / "saved")
    qtbot.waitUntil(lambda: "Saved to" in dock.status.text.text())
    layer = dock.session.layer
    dock.desk.open(tmp_path / "saved")
    qtbot.waitUntil(lambda: dock.session is not None and dock.session.layer != layer)
    assert (hands.data == edited).all()
    assert dock.session.layer.axis_labels[0] == "t"
    table = dock.session.course.planes[1,].nuclei.table
    assert table.loc[2, "certainty"] == pytest.approx(0.5)


def test_a_stack_on_disk_is_edited_there(qtbot, tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    start = film().labels
    store = zarr.create_array(tmp_path / "a.zarr", data=start, chunks=(1, 30, 40))
    layer = Labels(store)
    session = ReviewSession(layer, prepare(store, None, None).review)
    session.turn_to((1,))
    session.apply(session.deleted([2]))
    on_disk = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert not (on_disk[1] == 2).any() and (on_disk[0] == 2).any()
    session.undo()
    assert (on_disk[:] == start).all()
    session.release()


def test_labels_of_two_axes_and_a_channel_of_the_image(qtbot) -> None:
    viewer = ViewerModel()
    names = ("c", "t", "z", "y", "x")
    image = viewer.add_image(
        np.random.default_rng(0).random((2, 2, 3, 60, 80)), axis_labels=names
    )
    stack = np.stack([film().labels] * 2)
    layer = viewer.add_labels(stack.copy(), axis_labels=names[1:])
    subject = persistence.Subject.of(image)
    ready = persistence.prepare(layer.data, None, subject)
    session = ReviewSession(layer, ready.review)
    assert len(session.course.planes) == 6
    session.turn_to((1, 2))
    session.apply(session.deleted([2]))
    differs = (layer.data != stack).any(axis=(2, 3))
    assert np.argwhere(differs).tolist() == [[1, 2]]
    session.undo()
    assert (layer.data == stack).all()
    session.release()


@given(
    st.lists(
        st.tuples(
            st.integers(0, FRAMES - 1),
            st.sampled_from(["delete", "accept", "split", "proposal", "undo", "redo"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None)
def test_steps_on_any_frame_change_that_frame_alone_and_are_undone(qapp, steps) -> None:
    made = film()
    layer = Labels(made.labels.copy())
    session = ReviewSession(layer, prepare(layer.data, made, None).review)
    for plane, what, through in steps:
        session.turn_to((plane,))
        session.through, before = through, layer.data.copy()
        try:
            if what == "delete":
                session.reject(("nucleus", 2, plane))
            elif what == "accept":
                session.accept(("nucleus", 2, plane))
            elif what == "split":
                session.apply(session.now.split(1, [(12, 10), (12, 30)]))
            elif what == "proposal":
                session.accept(("missed", 1, plane))
            else:
                getattr(session, what)()
                continue
        except EditError:
            pass
        touched = (layer.data != before).any(axis=(1, 2))
        assert not np.delete(touched, plane).any() or (what == "delete" and through)
    for review in session.course.planes.values():
        assert (review.labels == layer.data[review.plane]).all()
    for _ in range(len(steps) + 1):
        session.undo()
    assert (layer.data == made.labels).all() and not session.course.statuses
    session.release()
