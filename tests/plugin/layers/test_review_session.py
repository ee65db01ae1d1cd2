"""A review of a layer in a viewer model: our edits, napari's own, undo and redo."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin.layers.results import Result, Results, result_of
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.review.persistence import Subject, prepare
from napari_pmrnet.proofreading.nuclei import Nuclei

from ..conftest import Found, make_segmentation


def begin(
    layer: Labels, image: Image | None = None, result: Result | None = None
) -> ReviewSession:
    """The review that the dock begins of a layer."""
    source = None if result is None else result.segmentation
    subject = None if image is None else Subject.of(image)
    return ReviewSession(layer, prepare(layer.data, source, subject).review)


@pytest.fixture
def session(qtbot) -> ReviewSession:
    probability = np.zeros((60, 80), np.float32)
    probability[5:20, 5:35] = probability[30:45, 10:25] = 0.9
    made = make_segmentation(probability)
    maps = {**made.maps, "boundary": np.zeros_like(probability)}
    maps["boundary"][:, 20] = 1
    found = Found(made.labels, maps, made.objects, made.settings)
    viewer = ViewerModel()
    image = viewer.add_image(probability * 100, name="cells")
    list(Results(viewer).show(image, "", found))
    layer = viewer.layers["cells nuclei"]
    session = begin(layer, image, result_of(layer))
    yield session
    session.release()


def settle(qtbot) -> None:
    qtbot.wait(20)


def assert_known(session: ReviewSession) -> None:
    """What the review says is what the layer holds."""
    nuclei = session.review.nuclei
    fresh = Nuclei(session.layer.data, nuclei.original, nuclei.maps, image=nuclei.image)
    pd.testing.assert_frame_equal(nuclei.table, fresh.table, check_dtype=False)


def test_every_edit_is_one_step_of_undo(session: ReviewSession, qtbot) -> None:
    before = session.layer.data.copy()
    states = [before]
    seen = []
    session.changed.connect(seen.append)
    session.apply(session.now.split(1, [(12, 8), (12, 30)]))
    states.append(session.layer.data.copy())
    assert (states[-1][5:20, 5:20] != states[-1][5:20, 21:35][:, :1]).all()
    session.apply(session.merged(1, [2]))
    states.append(session.layer.data.copy())
    session.accept(("missed", 1))
    states.append(session.layer.data.copy())
    session.reject(("nucleus", 1))
    states.append(session.layer.data.copy())
    session.accept(("nucleus", 3))
    assert session.review.statuses == {("nucleus", 3): "accepted"}
    session.undo()
    assert not session.review.statuses and (session.layer.data == states[-1]).all()
    for state in reversed(states[:-1]):
        session.undo()
        assert (session.layer.data == state).all()
        assert_known(session)
    for state in states[1:]:
        session.redo()
        assert (session.layer.data == state).all()
        assert_known(session)
    settle(qtbot)
    session.redo()
    assert session.review.statuses == {("nucleus", 3): "accepted"}
    assert {1, 3} in seen


def test_the_brush_and_undo_of_napari_are_followed(
    session: ReviewSession, qtbot
) -> None:
    layer = session.layer
    layer.brush_size = 6
    layer.selected_label = 9
    layer.paint((50, 40), 9)
    settle(qtbot)
    assert 9 in session.review.nuclei.table.index
    assert_known(session)
    layer.undo()
    settle(qtbot)
    assert 9 not in session.review.nuclei.table.index
    layer.redo()
    settle(qtbot)
    assert_known(session)
    session.accept(("nucleus", 1))
    layer.paint((50, 60), 8)
    session.undo()
    assert (layer.data != 8).all() and (layer.data == 9).any()
    assert session.review.statuses
    session.undo()
    session.undo()
    assert (layer.data != 9).all() and not session.review.statuses
    assert_known(session)


def test_labels_made_elsewhere_have_no_gate(qtbot) -> None:
    layer = Labels(np.kron(np.arange(4).reshape(2, 2), np.ones((9, 9), int)))
    session = begin(layer)
    assert session.review.places()["certainty"].isna().all()
    session.apply(session.now.split(3, [(10, 10), (17, 17)]))
    assert set(np.unique(layer.data)) == {0, 1, 2, 3, 4}
    with pytest.raises(EditError, match="no boundary gate"):
        session.now.snap(3)
    session.apply(session.now.fill_holes(1))
    session.release()


def test_intensity_needs_an_image_that_fits(qtbot) -> None:
    labels = np.ones((10, 12), int)
    grey = Image(np.full((10, 12), 7.0))
    colour = Image(np.dstack([np.full((10, 12), v) for v in (3, 6, 9)]), rgb=True)
    for image, expected in ((grey, 7), (colour, 6), (Image(np.ones((5, 5))), None)):
        session = begin(Labels(labels.copy()), image)
        found = session.review.nuclei.table.loc[1, "intensity"]
        assert np.isnan(found) if expected is None else found == expected
        session.release()


def test_labels_in_a_zarr_store_are_edited_there(qtbot, tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    start = np.kron(np.arange(4, dtype=np.int32).reshape(2, 2), np.ones((9, 9), int))
    store = zarr.create_array(tmp_path / "labels.zarr", data=start, chunks=(8, 8))
    session = begin(Labels(store))
    session.apply(session.now.split(3, [(10, 10), (17, 17)]))
    session.apply(session.now.delete([1]))
    on_disk = zarr.open_array(tmp_path / "labels.zarr", mode="r")
    assert set(np.unique(on_disk[:])) == {0, 2, 3, 4}
    session.undo()
    session.undo()
    assert (on_disk[:] == start).all()
    assert len(session.review.nuclei.table) == 3
    session.release()
