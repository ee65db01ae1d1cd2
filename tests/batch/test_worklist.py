"""Corrections go back into the label files of a run, and nothing on the way is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_pmrnet.batch import worklist as worklist_module
from napari_pmrnet.batch.worklist import (
    ChangedError,
    Opened,
    ReviewState,
    Worklist,
    maps_of,
)
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.proofreading.origin import Origin
from napari_pmrnet.segmentation import sizes
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.settings import Settings

from .conftest import HASH, blobs, left_over

PIXEL = st.tuples(st.integers(0, 39), st.integers(0, 59), st.integers(0, 400))
ACCEPTED = {("nucleus", 2): "accepted", ("missed", 1): "dismissed"}


@pytest.fixture
def output(run, folder, tmp_path) -> Path:
    run(folder)
    return tmp_path / "out"


def opened_of(output: Path, name: str = "c") -> tuple[Worklist, Opened]:
    listed = Worklist(output)
    row = next(row for row in listed.rows() if row.name == f"{name}.png")
    return listed, listed.open(row)


def corrected(opened: Opened) -> np.ndarray:
    """The first nucleus deleted and a new one painted."""
    labels = opened.labels.copy()
    labels[labels == 1] = 0
    labels[30:36, 2:9] = 9
    return labels


def test_a_folder_of_a_run_lists_its_images(output, folder) -> None:
    listed = Worklist(output)
    assert [row.name for row in listed.rows()] == ["a.png", "b.png", "c.png", "d.png"]
    assert listed.image(listed.rows()[0]).samefile(folder / "a.png")
    assert [listed.state(row) for row in listed.rows()] == [None] * 4
    (output / "b_labels.tif").unlink()
    assert [row.name for row in Worklist(output).rows()] == ["a.png", "c.png", "d.png"]


def test_a_folder_without_a_run_lists_nothing_and_stays_as_it_is(tmp_path) -> None:
    assert Worklist(tmp_path).rows() == [] and not list(tmp_path.iterdir())
    assert Worklist(tmp_path / "none").rows() == [] and not list(tmp_path.iterdir())


def test_corrections_go_into_the_label_file_and_the_original_stays(output) -> None:
    listed, opened = opened_of(output)
    path, before = opened.path, (output / "c_labels.tif").read_bytes()
    labels = corrected(opened)
    saved = listed.save(opened, labels, ACCEPTED)
    assert (output / "c_original_labels.tif").read_bytes() == before
    (read,) = read_image(path)
    assert np.array_equal(read.data, labels) and read.is_labels
    assert read.space == opened.space
    made = read.metadata["napari_pmrnet"]
    assert made["weights_hash"] == HASH and made["image"] == "c.png"
    assert made["fingerprint"] and made["settings"] == opened.made.settings
    assert saved.state == ReviewState(3, 2, 1, False, ACCEPTED)
    again = opened_of(output)[1]
    assert np.array_equal(again.labels, labels)
    assert np.array_equal(again.found, opened.labels), "what was found is still known"
    assert again.state == saved.state and not left_over(output)
    labels[30, 2] = 0
    listed.save(again, labels, {}, done=True)
    assert (output / "c_original_labels.tif").read_bytes() == before, "kept once"
    assert len(list(output.glob("c_*"))) == 2
    assert Worklist(output).state(opened.row) == ReviewState(3, 1, 1, True, {})


def test_what_is_only_said_leaves_the_label_file_as_it_is(output) -> None:
    listed, opened = opened_of(output)
    before = opened.path.stat().st_mtime_ns
    listed.save(opened, opened.labels, ACCEPTED, done=True)
    assert opened.path.stat().st_mtime_ns == before
    assert not (output / "c_original_labels.tif").exists()
    assert Worklist(output).state(opened.row) == ReviewState(3, 1, 0, True, ACCEPTED)


@pytest.mark.parametrize("what", ["another program", "removed"])
@pytest.mark.parametrize("kept", [False, True])
def test_labels_that_changed_since_are_not_written_over(output, what, kept) -> None:
    listed, opened = opened_of(output)
    if kept:
        opened = listed.save(opened, corrected(opened), {})
    path = opened.path
    if what == "removed":
        path.unlink()
    else:
        write_labels(path, opened.labels + 1, overwrite=True)
    there = path.read_bytes() if path.exists() else None
    for labels in (np.zeros_like(opened.labels), opened.labels):
        with pytest.raises(ChangedError, match="c_labels.tif"):
            listed.save(opened, labels, ACCEPTED)
    assert (path.read_bytes() if path.exists() else None) == there
    assert (output / "c_original_labels.tif").exists() is kept
    copy = listed.save_copy(opened, corrected(opened))
    assert copy.name == "c_corrected_labels.tif"
    assert np.array_equal(read_image(copy)[0].data, corrected(opened))
    assert listed.save_copy(opened, opened.labels).name == "c_corrected-2_labels.tif"


def test_a_change_between_the_look_and_the_write_is_seen(output, monkeypatch) -> None:
    listed, opened = opened_of(output)
    wrote = write_labels

    def late(path, *args, **options):
        replace_file(path, b"of another program", True)
        return wrote(path, *args, **options)

    monkeypatch.setattr(worklist_module, "write_labels", late)
    with pytest.raises(ChangedError):
        listed.save(opened, corrected(opened), {})
    assert opened.path.read_bytes() == b"of another program"


def test_killed_between_labels_and_state_the_original_is_known(
    output, monkeypatch
) -> None:
    listed, opened = opened_of(output)
    keep, calls = Worklist._keep, []

    def killed(*args) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        keep(*args)

    monkeypatch.setattr(Worklist, "_keep", killed)
    with pytest.raises(KeyboardInterrupt):
        listed.save(opened, corrected(opened), ACCEPTED)
    monkeypatch.undo()
    again = opened_of(output)[1]
    assert np.array_equal(again.labels, corrected(opened)) and again.state is None
    assert np.array_equal(again.found, opened.labels)


def test_a_name_that_is_taken_stays_as_it_is(output) -> None:
    precious = output / "c_original_labels.tif"
    precious.write_bytes(b"precious")
    listed, opened = opened_of(output)
    before = opened.path.read_bytes()
    listed.save(opened, corrected(opened), {})
    assert precious.read_bytes() == b"precious"
    assert (output / "c_original-2_labels.tif").read_bytes() == before
    assert np.array_equal(opened_of(output)[1].found, opened.labels)


def test_a_run_keeps_corrections_and_takes_no_original_for_an_image(
    run, folder, output
) -> None:
    for name in "ac":
        listed, opened = opened_of(output, name)
        listed.save(opened, corrected(opened), ACCEPTED, done=True)
    _, statuses = run(folder, settings=Settings(probability_threshold=0.4))
    assert statuses["c.png"] == "kept" and statuses["b.png"] == "done"
    again = opened_of(output)[1]
    assert np.array_equal(again.labels, corrected(opened))
    assert again.state is not None and again.state.done
    run(folder, overwrite=True, settings=Settings(probability_threshold=0.4))
    anew = opened_of(output)[1]
    assert anew.state is None, "the labels that were reviewed are gone"
    assert np.array_equal(anew.found, anew.labels)
    assert not np.array_equal(anew.labels, again.labels)
    listed = Worklist(output)
    listed.save(anew, corrected(anew), {})
    assert (output / "c_original-2_labels.tif").exists()
    for path in folder.iterdir():
        shutil.copy(path, output)
    _, statuses = run(output, output="other")
    assert set(statuses) == {"a.png", "b.png", "c.png", "d.png"}


def test_a_folder_that_was_copied_knows_its_reviews(output, tmp_path) -> None:
    listed, opened = opened_of(output)
    listed.save(opened, corrected(opened), ACCEPTED)
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "images", moved / "images")
    shutil.copytree(output, moved / "out", copy_function=shutil.copy)
    again = opened_of(moved / "out")[1]
    assert again.state == listed.state(opened.row)
    assert np.array_equal(again.found, opened.labels)
    assert again.image == moved / "images" / "c.png"


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"hash": 1}', b'{"statuses": 5}', b"\xff"]
)
def test_a_state_that_is_damaged_is_none(output, text) -> None:
    listed, opened = opened_of(output)
    listed.save(opened, corrected(opened), ACCEPTED)
    (place,) = (output / ".napari-pmrnet" / "reviews").iterdir()
    place.write_bytes(text)
    again = opened_of(output)[1]
    assert again.state is None and np.array_equal(again.labels, corrected(opened))


def test_labels_that_fiji_has_saved_are_opened_and_saved(output) -> None:
    listed, opened = opened_of(output)
    info = tifffile.TiffFile(opened.path).imagej_metadata["Info"]
    labels = corrected(opened).astype(np.float32)
    tifffile.imwrite(opened.path, labels, imagej=True, metadata={"Info": info})
    again = opened_of(output)[1]
    assert np.array_equal(again.labels, labels) and again.state is None
    assert again.made.weights_hash == HASH
    saved = listed.save(again, again.labels * 2, {})
    assert np.array_equal(opened_of(output)[1].found, labels)
    assert saved.state is not None and saved.state.edited == 0, "numbers are no edits"


@pytest.fixture
def movie(run, tmp_path) -> Callable[[np.ndarray], tuple[Worklist, Opened]]:
    """Segment planes, linked through t, and open their labels."""

    def open_(data: np.ndarray) -> tuple[Worklist, Opened]:
        images = tmp_path / "stacks"
        images.mkdir()
        tifffile.imwrite(images / "t.tif", data, imagej=True, metadata={"axes": "TYX"})
        run(images, link="t")
        listed = Worklist(tmp_path / "out")
        return listed, listed.open(listed.rows()[0])

    return open_


def test_the_review_of_a_stack_is_kept_plane_by_plane(movie) -> None:
    listed, opened = movie(np.stack([blobs(1), blobs(2), blobs(2)]))
    assert [np.unique(plane).max() for plane in opened.labels] == [1, 2, 2]
    labels = opened.labels.copy()
    labels[1][labels[1] == 1] = 0
    labels[0, 30:36, 2:9] = 9
    statuses = {("nucleus", 1, 0): "accepted", ("missed", 1, 2): "dismissed"}
    saved = listed.save(opened, labels, statuses, done=True)
    assert saved.state == ReviewState(5, 2, 1, True, statuses), (
        "on each plane for itself"
    )
    again = Worklist(listed.output).open(opened.row)
    assert again.state == saved.state and np.array_equal(again.labels, labels)
    assert np.array_equal(again.found, opened.labels)
    assert again.space.axes == ("t", "y", "x")


@pytest.fixture
def steps(monkeypatch) -> list[tuple]:
    """Replace the network; what it was asked."""
    asked: list[tuple] = []

    def origin_steps(labels, plane, settings):
        asked.append((labels, plane, settings))
        yield Progress(1, 1, "tile")
        return Origin(labels, {}, None)

    monkeypatch.setattr(worklist_module, "origin_steps", origin_steps)
    return asked


def test_maps_are_made_by_the_weights_that_made_the_labels(output, steps) -> None:
    listed, opened = opened_of(output)
    opened = listed.save(opened, corrected(opened), {})
    known: dict = {}
    run_to_end(maps_of(opened, known, "cpu"))
    ((labels, plane, used),) = steps
    assert known[()].labels is labels and np.array_equal(labels, opened.found)
    assert np.array_equal(plane.read(), blobs(3))
    assert used.model == "nuclei" and used.device == "cpu"
    assert used.probability_threshold == Settings().probability_threshold


def test_maps_are_made_of_every_plane_that_is_not_blank(movie, steps) -> None:
    planes = np.stack([blobs(1), blobs(0), blobs(3)])
    _, opened = movie(planes)
    known: dict = {}
    told = list(maps_of(opened, known))
    assert list(known) == [(0,), (2,)]
    for labels, plane, _ in steps:
        (place,) = plane.place
        assert np.array_equal(labels, opened.found[place])
        assert np.array_equal(plane.read(), planes[place])
    assert [progress.done for progress in told] == [0, 100, 300], "of all planes"
    assert "plane t=2" in told[-1].message


def test_maps_of_more_planes_than_there_is_memory_for_are_refused(
    movie, steps, monkeypatch
) -> None:
    _, opened = movie(np.stack([blobs(1), blobs(2)]))
    monkeypatch.setattr(sizes, "MOST_MAP_BYTES", 100_000)
    with pytest.raises(DataError, match=r"t\.tif: the maps of its 2 planes"):
        run_to_end(maps_of(opened, {}))
    assert not steps


def test_maps_that_cannot_be_made_are_refused_in_words(output, steps, folder) -> None:
    _, opened = opened_of(output)
    other = replace(opened, made=replace(opened.made, weights_hash="0" * 64))
    with pytest.raises(DataError, match="weights that made these labels"):
        run_to_end(maps_of(other, {}))
    classes = replace(opened, row=replace(opened.row, kind=LabelKind.CLASSES))
    with pytest.raises(DataError, match="classes have no certainties"):
        run_to_end(maps_of(classes, {}))
    Image.fromarray(blobs(2)[:, :-1]).save(folder / "c.png")
    with pytest.raises(DataError, match="changed since"):
        run_to_end(maps_of(opened, {}))
    (folder / "c.png").unlink()
    with pytest.raises(DataError, match="c.png"):
        run_to_end(maps_of(opened, {}))
    assert not steps


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.integers(0, 39), st.integers(0, 59), st.integers(0, 400))
            ),
            st.dictionaries(
                st.tuples(st.sampled_from(["nucleus", "missed"]), st.integers(1, 400)),
                st.sampled_from(["accepted", "dismissed"]),
                max_size=4,
            ),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_saved_is_what_is_opened(tmp_path, saves) -> None:
    place = tmp_path / "folder"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    found = np.zeros((40, 60), np.int32)
    found[3:9, 3:9] = 1
    write_labels(place / "a_labels.tif", found)
    Image.fromarray(blobs(1)).save(place / "a.png")
    entry = SimpleNamespace(
        row=worklist_module.Row("a.png", "a_labels.tif"),
        key={},
        labels_hash=hash_of(place / "a_labels.tif"),
    )
    listed = Worklist(place)
    listed._entries = {"a.png": entry}
    for pixels, statuses, done in saves:
        opened = listed.open(entry.row)
        assert np.array_equal(opened.found, found)
        labels = opened.labels.copy()
        for y, x, label in pixels:
            labels[y, x] = label
        listed.save(opened, labels, statuses, done)
        again = listed.open(entry.row)
        assert np.array_equal(again.labels, labels)
        assert again.state is not None
        assert (again.state.statuses, again.state.done) == (statuses, done)
        assert again.state.nuclei == len(np.unique(labels[labels > 0]))
