"""The files that nuclei are exported to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.layers import Labels

from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.export import (
    COUNTS,
    FORMATS,
    LABELS,
    ROIS,
    STACK,
    TABLE,
    TRACKS,
    exporting,
    proposed_path,
)
from napari_pmrnet.plugin.measure.snapshot import Specimen
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.proofreading.tracks import Axis
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import run_to_end


@pytest.fixture
def specimen() -> Specimen:
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:7], labels[10:14, 10:13] = 1, 2
    flags = pd.DataFrame({"certainty": [0.25, 0.75]}, index=[1, 2])
    maps = {"certainty": np.where(labels > 0, 0.5, 0).astype(np.float32)}
    return Specimen("cells", Plane([labels]), {}, (0.5, 0.5), "um", flags, maps)


def written(path: Path, kind: str, specimen: Specimen):
    every, labels = {specimen.place: specimen}, specimen.labels.read()
    whole = labels.reshape((1,) * len(specimen.place) + labels.shape)
    steps = exporting(path, kind, every, whole, {}, shown=specimen.place)
    return run_to_end(steps)


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != TRACKS])
def test_every_kind_is_written_under_its_name(
    kind: str, specimen: Specimen, tmp_path: Path
) -> None:
    path = proposed_path(Labels(np.zeros((4, 5), int), name="cells"), kind, tmp_path)
    assert path.name.endswith(FORMATS[kind].suffix) and path.parent == tmp_path
    done = written(path, kind, specimen)
    assert done.path == path and path.stat().st_size > 0
    assert (done.table is None) == (kind in (ROIS, STACK, LABELS))


def test_a_table_has_units_in_its_heads(specimen: Specimen, tmp_path: Path) -> None:
    done = written(tmp_path / "a.csv", TABLE, specimen)
    table = pd.read_csv(done.path)
    assert table["area [um^2]"].tolist() == [5.0, 3.0]
    assert table["certainty"].tolist() == [0.25, 0.75]


def test_counts_have_a_row_an_image_and_a_well(
    specimen: Specimen, tmp_path: Path
) -> None:
    told = replace(specimen, classes=Classes("area", 4.0, "large", "small"))
    other = pd.DataFrame({"area [um^2]": [9.0], "certainty": [0.9]})
    company = Company(Row("p_A01_s1.tif"), {Row("p_A01_s2.tif"): other})
    steps = exporting(tmp_path / "c.csv", COUNTS, {(): told}, None, {}, company=company)
    done = run_to_end(steps)
    table = pd.read_csv(done.path)
    assert table["of"].tolist() == ["image", "image", "well"]
    assert table["nuclei"].tolist() == [2, 1, 3]
    assert table["large (area [um^2] >= 4)"].tolist() == [1, 1, 2]
    assert table["doubtful"].tolist() == [1, 0, 1]


def test_maps_that_are_not_known_are_left_out_and_said(
    specimen: Specimen, tmp_path: Path
) -> None:
    done = written(tmp_path / "a.tif", STACK, specimen)
    assert done.remark == " without boundary, which is not known"
    assert tifffile.imread(done.path).shape[0] == 2


@pytest.mark.parametrize("kind", FORMATS)
def test_a_plane_alone_is_said_to_be_one(
    kind: str, specimen: Specimen, tmp_path: Path
) -> None:
    one = replace(specimen, plane="z=0", place=(0,), axes=(Axis("z"),))
    done = written(tmp_path / FORMATS[kind].suffix, kind, one)
    assert done.remark.startswith(" for the plane z=0 alone") == (kind == STACK)


def test_a_plain_image_has_no_linked_nuclei(specimen, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'cells' is one plane"):
        written(tmp_path / "a.csv", TRACKS, specimen)
    assert not list(tmp_path.iterdir())
