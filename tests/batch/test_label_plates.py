"""Labels of the plates of a run, as plates that other programs read."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from plates import STEP

from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.batch.worklist import Worklist
from napari_pmrnet.errors import DataError, SoftwareError
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.permit import hash_of

yaozarrs = pytest.importorskip("yaozarrs")
zarr = pytest.importorskip("zarr")

LABELS = [f"p_{name}_labels.tif" for name in ("A01_0", "A01_1", "B12_0")]
PLACES = ["A/1/0", "A/1/1", "B/12/0"]


def test_labels_are_written_as_a_plate_that_others_read(run, plate, tmp_path) -> None:
    before = hash_of(plate)
    report, _ = run(plate, plate_labels=True)
    (written,) = report.plates
    assert written == tmp_path / "out" / "p_labels.zarr" and hash_of(plate) == before
    yaozarrs.validate_zarr_store(written)
    about = yaozarrs.v04.Plate.model_validate(dict(zarr.open_group(written).attrs))
    assert [well.path for well in about.plate.wells] == ["A/1", "B/12"]
    for number, (name, tif) in enumerate(zip(PLACES, LABELS, strict=True), start=1):
        # As napari-ome-zarr goes: the image, its group labels, and what that lists.
        field = zarr.open_group(written / name, mode="r")
        assert list(field["labels"].attrs["labels"]) == ["nuclei"]
        labels = field["labels/nuclei"]
        model = yaozarrs.v04.LabelImage.model_validate(dict(labels.attrs))
        (level,) = model.multiscales[0].datasets
        assert level.coordinateTransformations[0].scale == [STEP, STEP]
        assert model.image_label.source.image == "../../"
        pixels = np.asarray(labels[level.path])
        assert pixels.max() == number and np.issubdtype(pixels.dtype, np.integer)
        np.testing.assert_array_equal(pixels, read_image(report.output / tif)[0].data)
        shown = yaozarrs.v04.Image.model_validate(dict(field.attrs)).multiscales[0]
        assert field[shown.datasets[0].path].shape == pixels.shape
        (ours,) = read_image(written / name / "labels" / "nuclei")
        assert ours.space.scale == (STEP, STEP) and ours.space.unit == "um"


def test_a_plate_of_labels_is_no_image_of_the_next_run(run, plate, tmp_path) -> None:
    run(plate, plate_labels=True)
    written = tmp_path / "out" / "p_labels.zarr"
    report, _ = run(written, f"{written}/*/*/*", output="again")
    assert len(report.rows) == 4
    assert all("holds labels of napari-pmrnet" in row.error for row in report.rows)
    assert [one.path for one in find_sources([plate], tmp_path)] != [plate]
    with pytest.raises(DataError, match="holds no image"):
        find_sources([tmp_path / "out"], tmp_path)


def test_corrections_are_in_the_plate_and_edited_plates_stay(
    run, plate, tmp_path
) -> None:
    run(plate, plate_labels=True)
    out = tmp_path / "out"
    listed = Worklist(out)
    opened = listed.open(listed.rows()[0])
    listed.save(opened, np.where(opened.labels > 0, 9, 0), {})
    report, _ = run(plate, plate_labels=True)
    assert [path.name for path in report.plates] == ["p_labels.zarr"]
    level = report.plates[0] / "A" / "1" / "0" / "labels" / "nuclei"
    assert zarr.open_group(level, mode="r")["0"][...].max() == 9
    zarr.open_group(level, mode="r+")["0"][0, 0] = 77
    report, _ = run(plate, plate_labels=True)
    assert [path.name for path in report.plates] == ["p_labels-2.zarr"]
    assert zarr.open_group(level, mode="r")["0"][0, 0] == 77
    assert not [path for path in out.iterdir() if path.name.startswith(".pmrnet")]


def test_labels_that_cannot_be_read_are_left_out_and_named(
    run, plate, tmp_path
) -> None:
    run(plate)
    (tmp_path / "out" / LABELS[0]).write_bytes(b"II*\0")
    report, _ = run(plate, plate_labels=True)
    (note,) = report.notes
    assert note.startswith("p.ome.zarr A01 0 is left out of the plate of labels: ")
    about = dict(zarr.open_group(report.plates[0] / "A" / "1", mode="r").attrs)
    assert [one["path"] for one in about["well"]["images"]] == ["1"]


def test_images_of_no_plate_are_told(run, folder) -> None:
    report, _ = run(folder, plate_labels=True)
    assert (
        report.plates == [] and "no image lies on an OME-Zarr plate" in report.notes[0]
    )


def test_what_writes_plates_is_asked_for_first(run, folder, core, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "yaozarrs", None)
    with pytest.raises(SoftwareError, match=r"napari-pmrnet\[zarr\]"):
        run(folder, plate_labels=True)
    assert not core.names
