"""Opening images of a folder and saving them, beside the window."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.batch import worklist as worklist_module
from napari_pmrnet.batch.run_log import Entry, Record
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.worklist import Worklist
from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.plugin.batch.opening import (
    Unsaved,
    keep,
    listed_files,
    opening_steps,
)
from napari_pmrnet.plugin.batch.table import LISTED
from napari_pmrnet.plugin.widgets import maps
from napari_pmrnet.plugin.widgets.maps import UNAWAITED
from napari_pmrnet.proofreading.origin import Origin
from napari_pmrnet.segmentation.predict import Progress, run_to_end

FOUND = np.zeros((30, 40), np.int32)
FOUND[3:9, 3:9], FOUND[15:25, 20:30] = 1, 2


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder with labels of a.png, and one image that failed."""
    Image.fromarray(FOUND.astype(np.uint8)).save(tmp_path / "a.png")
    place = tmp_path / "out"
    place.mkdir()
    made = Provenance({"probability_threshold": 0.5}, "0" * 64, "a.png")
    path = write_labels(place / "a_labels.tif", FOUND, provenance=made)
    record = Record(place)
    record.add(Entry(Row("../a.png", path.name, 2, 0.8), {"x": 1}, hash_of(path)))
    record.add(Entry(Row("../b.png", "b_labels.tif", error="damaged")))
    monkeypatch.setattr(maps, "load_torch", lambda: None)
    monkeypatch.setattr(worklist_module, "model_with", lambda _: "nuclei")
    return place


def steps_of(made: object):
    def origin_steps(labels, plane, settings):
        yield Progress(1, 2, "tile")
        if isinstance(made, Exception):
            raise made
        return Origin(labels, {"certainty": np.ones(labels.shape, np.float32)}, None)

    return origin_steps


def test_a_folder_lists_what_it_has(output: Path) -> None:
    listed = Worklist(output)
    opened = listed.open(listed.rows()[0])
    listed.save(opened, FOUND, {("nucleus", 1): "accepted"})
    good, bad = listed_files(output)
    assert (good.path, good.status) == (output.parent / "a.png", LISTED)
    assert good.has_labels and good.review is not None and good.review.reviewed == 1
    assert bad.status == "failed" and not bad.has_labels and bad.review is None
    assert listed_files(output / "none") == []


@pytest.mark.parametrize(
    ("made", "hurried", "known", "why"),
    [
        (None, False, True, ""),
        (ImageError("it is blank"), False, False, "it is blank"),
        (RuntimeError("no memory"), False, False, "could not be made (no memory)"),
        (None, True, False, UNAWAITED),
    ],
)
def test_labels_come_with_their_maps_or_with_the_reason(
    output: Path, monkeypatch, made, hurried, known, why
) -> None:
    monkeypatch.setattr(worklist_module, "origin_steps", steps_of(made))
    row = Worklist(output).rows()[0]
    ready = run_to_end(opening_steps(output, row, "cpu", lambda: hurried))
    assert np.array_equal(ready.opened.labels, FOUND) and why in ready.why
    assert bool(why) == bool(ready.why)
    (origin,) = ready.origins.values()
    assert ("certainty" in origin.maps) is known
    assert np.array_equal(origin.labels, FOUND)


def test_labels_that_are_not_saved_say_why(output: Path) -> None:
    listed = Worklist(output)
    opened = listed.open(listed.rows()[0])
    opened = keep(listed, opened, FOUND * 2, {}, False)
    assert not isinstance(opened, Unsaved)
    write_labels(output / "a_labels.tif", FOUND, overwrite=True)
    outcome = keep(listed, opened, FOUND * 3, {}, False)
    assert isinstance(outcome, Unsaved) and outcome.changed
    assert "a_labels.tif" in outcome.reason
    outcome = keep(listed, opened, -FOUND, {}, False)
    assert isinstance(outcome, Unsaved) and not outcome.changed
