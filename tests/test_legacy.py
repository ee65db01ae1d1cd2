"""What an earlier version wrote opens as it was; see ``legacy/README.md``."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest

import napari_pmrnet
from napari_pmrnet._software import OURS
from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.batch.run_log import Record, file_key, made_from
from napari_pmrnet.batch.summary import as_csv
from napari_pmrnet.finetuning.corrections import UNKNOWN
from napari_pmrnet.finetuning.job import EPOCH, Job, TuneSettings
from napari_pmrnet.finetuning.sources import corrections_of_files
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_zarr import label_tag, open_label_zarr
from napari_pmrnet.io.permit import Inputs, Permit
from napari_pmrnet.models import available_models, load_model
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.user_models import import_model
from napari_pmrnet.plugin.review.persistence import open_folder
from napari_pmrnet.plugin.train.process import State
from napari_pmrnet.plugin.widgets.preferences import recall
from napari_pmrnet.proofreading.journal import Journal, fingerprint, read_journal
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.proofreading.planes import keep
from napari_pmrnet.proofreading.queue import progress
from napari_pmrnet.proofreading.saved_review import load_review
from napari_pmrnet.settings import Settings

HERE = Path(__file__).with_name("legacy")
AREAS = {1: 606, 2: 372, 3: 569, 4: 382, 5: 5}
STATUSES = {("nucleus", 2): "accepted", ("nucleus", 4): "accepted"}
WEIGHTS = "8263a9430ecd5623f59a77ef7140230a4cab12994aabba34794a0a2ba1fc1f0e"
BEFORE = Settings(model="dsb18", probability_threshold=0.65)
"""Settings that users started with then."""
MADE = {
    "image": "cells",
    "settings": {
        name: value
        for name, value in replace(BEFORE, device="cpu", seed_threshold=0.45)
        .as_dict()
        .items()
        if name not in ("limits", "least_certainty")  # which came later
    },
    "weights_hash": WEIGHTS,
    "device": "cpu with PyTorch",
    "diameter": 21.967197988242077,
}
AS_BEFORE = replace(BEFORE, device="cpu", least_certainty=0)
"""Labels were made when none was dropped for its certainty."""
NUCLEI, SERIES = 6, 7
DATE = 1_700_000_000
"""When the images of the batch were last changed, which git does not keep."""


def areas(labels: np.ndarray) -> dict[int, int]:
    names, counts = np.unique(labels[labels > 0], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the old files that may be written to, the images with their date."""
    place = tmp_path / "old"
    shutil.copytree(HERE, place)
    for image in (place / "batch" / "images").iterdir():
        os.utime(image, (DATE, DATE))
    return place


@pytest.fixture
def manifest(plugin_settings, npe2pm) -> PluginManifest:
    found = PluginManifest.from_file(f"{napari_pmrnet.__path__[0]}/napari.yaml")
    npe2pm.register(found)
    return found


def test_preferences_of_napari(manifest, tmp_path: Path) -> None:
    shutil.copy(HERE / "settings" / "napari-pmrnet.yaml", tmp_path)
    assert recall() == Settings(
        device="cpu",
        probability_threshold=0.35,
        seed_threshold=0.75,
        exclude_border=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="a file on Linux only")
def test_preferences_of_qt(
    qapp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtCore import QSettings

    def none_there(_: str) -> None:
        raise KeyError("no preferences of plugins, as in napari before 0.9")

    monkeypatch.setattr("napari.settings.get_plugin_settings", none_there)
    (tmp_path / OURS).mkdir()
    shutil.copy(HERE / "settings" / "napari-pmrnet.conf", tmp_path / OURS)
    kind, scope = QSettings.Format.NativeFormat, QSettings.Scope.UserScope
    own = Path(QSettings(kind, scope, OURS, OURS).fileName()).parents[1]
    QSettings.setPath(kind, scope, str(tmp_path))
    try:
        recalled = recall()
    finally:
        QSettings.setPath(kind, scope, str(own))
    assert recalled == Settings(
        "lab nuclei",
        "cpu",
        probability_threshold=0.4,
        flips=True,
        exclude_border=True,
    )


def test_a_journal(old: Path) -> None:
    image = np.asarray(read_image(old / "review" / "cells.png")[0].data)
    path = old / "review" / "cells.png.pmrnet-review"
    there = read_journal(path)
    assert there.image == fingerprint(image)
    assert areas(there.labels) == AREAS and there.found.max() == NUCLEI
    assert there.statuses == STATUSES and there.made == MADE
    assert there.changes == 5 and there.damaged == 0
    # It is gone on with.
    review = begin_review(there.labels.copy(), Origin(there.found, {}, None), image)
    review.statuses.update(there.statuses)
    assert progress(review.places()) == "5 of 5 reviewed, 3 edited"
    journal = Journal(path, there.found, there.image)
    keep(review.course, journal, there.labels, there.statuses)
    review.accept([1])
    assert journal.close()
    again = read_journal(path)
    assert again.changes == 6 and again.statuses == {
        **STATUSES,
        ("nucleus", 1): "accepted",
    }


def test_a_journal_teaches(old: Path) -> None:
    (found,) = corrections_of_files([old / "review" / "cells.png"])
    assert found.name == "cells.png" and found.reviewed.tolist() == list(AREAS)


def test_a_saved_review(old: Path) -> None:
    folder = old / "review" / "cells.review"
    saved = load_review(folder)
    there = read_journal(old / "review" / "cells.png.pmrnet-review")
    np.testing.assert_array_equal(saved.labels, there.labels)
    np.testing.assert_array_equal(saved.found, there.found)
    assert saved.labels.dtype == np.int32
    assert saved.statuses == STATUSES and saved.made == MADE
    assert saved.image == there.image
    assert saved.space.pixel_size == (0.25, 0.25) and saved.space.unit == "um"
    assert set(saved.maps) == {
        "probability",
        "boundary",
        "certainty",
        "flow_y",
        "flow_x",
    }
    nuclei = saved.maps["probability"][saved.found > 0]
    assert nuclei.dtype == np.float32 and nuclei.mean() > 0.8
    opened = open_folder(folder)
    assert opened.labels.name == "cells nuclei"
    assert [layer.name for layer in opened.maps] == [
        "cells probability",
        "cells boundary",
        "cells certainty",
    ]
    review = begin_review(saved.labels.copy(), opened.origins[()])
    review.statuses.update(saved.statuses)
    assert progress(review.places()) == "5 of 5 reviewed, 3 edited"
    places = review.places()
    assert set(places["number"][places["kind"] == "nucleus"]) == set(AREAS)


def test_a_model_of_the_library(library: Path) -> None:
    library.mkdir()
    card = "lab nuclei.json"
    shutil.copy(HERE / "models" / card, library)
    with zipfile.ZipFile(HERE / "models" / "lab nuclei.zip") as archive:
        archive.extract("lab nuclei.safetensors", library)
    assert "lab nuclei" in available_models()
    model = load_model("lab nuclei", "cpu")
    assert model.card.sha256 == read_card(library / card).sha256
    assert model.card.data["reviewed"] == 31 and model.card.parent == WEIGHTS
    assert model.tile == 64 and model.overlap == 16
    assert model.channels == ("probability", "flow_y", "flow_x")
    maps = model.predict_tiles(np.full((1, 3, 64, 64), 0.5, np.float32))
    assert maps.shape == (1, 5, 64, 64) and np.isfinite(maps).all()
    assert Settings.for_card(model.card) == replace(BEFORE, model=Settings.model)


def test_an_exported_model(library: Path) -> None:
    assert import_model(HERE / "models" / "lab nuclei.zip") == "lab nuclei"
    assert import_model(HERE / "models" / "lab nuclei.zip", "again") == "again"
    assert read_card(library / "again.json").scores["after"] == {"AP0.5": 0.8}


def test_the_records_of_a_batch(old: Path, tmp_path: Path) -> None:
    place = old / "batch"
    sources = find_sources([place / "images"], place / "labels")
    assert [s.path.name for s in sources] == ["cells.png", "series.tif", "spoilt.png"]
    log = Record(place / "labels")
    permit = Permit(inputs=Inputs(source.path for source in sources))
    for source in sources:
        entry = log.claim(source, permit)
        key = file_key(source.path, replace(BEFORE, least_certainty=0), WEIGHTS, "t")
        finished = source.path.name != "spoilt.png"
        assert log.is_finished(entry, key) == finished
        assert not log.is_kept(entry, permit)
        other = file_key(source.path, replace(BEFORE, seed_threshold=0.3), WEIGHTS, "t")
        assert not log.is_finished(entry, other)
        dropping = file_key(source.path, BEFORE, WEIGHTS, "t")
        assert not log.is_finished(entry, dropping)
    made = made_from(replace(BEFORE, least_certainty=0), WEIGHTS, "t")
    rows = log.rows({log.name(source.path) for source in sources}, made)
    assert [row.nuclei for row in rows] == [NUCLEI, SERIES, None]
    assert [row.planes for row in rows] == [1, 2, None]
    assert rows[1].unit == "um" and rows[1].pixel_height == 0.25
    assert "not a PNG or JPEG image" in rows[2].error
    # The table is written again as it was.
    with (place / "labels" / "summary.csv").open(newline="") as stream:
        before = list(csv.DictReader(stream))
    after = list(csv.DictReader(as_csv(rows).decode().splitlines()))
    assert [{name: row[name] for name in before[0]} for row in after] == before
    # Labels that were corrected since are noticed.
    entry = log.claim(sources[0], permit)
    with (place / "labels" / entry.row.labels).open("ab") as stream:
        stream.write(b" ")
    assert log.is_kept(entry, permit)


def test_label_tiffs(old: Path) -> None:
    (cells,) = read_image(old / "batch" / "labels" / "cells_labels.tif")
    assert cells.is_labels and cells.space.axes == ("y", "x")
    assert np.asarray(cells.data).max() == NUCLEI
    (series,) = read_image(old / "batch" / "labels" / "series_labels.tif")
    assert series.is_labels and series.space.axes == ("t", "y", "x")
    assert series.space.scale == (2.0, 0.25, 0.25) and series.space.unit == "um"
    made = series.metadata["napari_pmrnet"]
    assert made["weights_hash"] == WEIGHTS
    assert Settings.of_record(made["settings"]) == AS_BEFORE


def test_labels_of_a_large_image(old: Path) -> None:
    path = old / "large" / "cells_labels.zarr"
    labels = np.asarray(open_label_zarr(path)[...])
    assert labels.dtype == np.int32 and len(areas(labels)) == NUCLEI
    space, made, *_ = label_tag(path)
    assert space.axes == ("y", "x") and space.scale == (0.25, 0.25)
    assert space.units == ("um", "um") and made.weights_hash == WEIGHTS
    assert Settings.of_record(made.settings) == AS_BEFORE
    with path.with_suffix(".csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {int(row["label"]): int(row["area"]) for row in rows} == areas(labels)


def test_a_training(old: Path) -> None:
    job = Job(old / "training")
    assert job.exists and not job.is_done
    expected = TuneSettings(minutes=0.01, crop_size=48, replay=0.0)
    assert job.settings == expected
    assert job.about["model"] == "dsb18" and job.about["steps"] == 3
    (one,) = job.corrections()
    assert one.name == "cells.png" and one.reviewed.tolist() == list(AREAS)
    assert one.image.shape == one.labels.shape and (one.labels == UNKNOWN).any()
    assert [e["epoch"] for e in job.events() if e["kind"] == EPOCH] == [1, 2]
    state = State.of(job)
    assert len(state.losses) == 2 and state.epochs == 2 and not state.done
    assert set(state.before) == set(state.after) == {"AP0.5", "AP0.75", "Dice"}
    assert read_card(job.weights).parent == WEIGHTS
    job.weights.touch()
    assert job.is_done and State.of(job).done
