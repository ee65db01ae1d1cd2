"""A run is described by the labels it left, whatever the form says since."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.batch.description import describe_path
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.segmentation import Settings

from .conftest import HASH, blobs


def test_a_folder_and_a_file_of_it(run, folder, tmp_path) -> None:
    report, _ = run(folder, settings=Settings(probability_threshold=0.7, flips=True))
    text = describe_path(report.output)
    assert "in 4 images with napari-pmrnet" in text and HASH[:12] in text
    assert "probability threshold 0.7 (default 0.6)" in text
    assert "Other settings: average over flips." in text
    text = describe_path(report.output / "a_labels.tif")
    assert "Nuclei were segmented with" in text and "threshold 0.7" in text

    (folder / "e.png").write_bytes((folder / "a.png").read_bytes())
    run(folder / "e.png")
    text = describe_path(report.output)
    assert "in 4 images with" in text and "in 1 image with" in text
    (report.output / "a_labels.tif").write_bytes(b"spoilt")
    (report.output / "b_labels.tif").unlink()
    text = describe_path(report.output)
    assert "in 2 images with" in text and "(2 label files are gone or damaged" in text


def test_linked_planes_are_told(run, tmp_path) -> None:
    series = np.stack([blobs(2), blobs(3)])
    tifffile.imwrite(tmp_path / "t.tif", series, imagej=True, metadata={"axes": "TYX"})
    report, _ = run(tmp_path / "t.tif", link="t")
    assert "along t have one number" in describe_path(report.output)


def test_other_places_are_refused_by_name(tmp_path) -> None:
    with pytest.raises(DataError, match="holds no run of napari-pmrnet"):
        describe_path(tmp_path)
    Image.fromarray(blobs()).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*do not say how"):
        describe_path(tmp_path / "a.png")
    with pytest.raises(DataError, match="gone.tif"):
        describe_path(tmp_path / "gone.tif")


def test_what_the_version_before_wrote_is_described(pytestconfig) -> None:
    place = pytestconfig.rootpath / "tests" / "legacy" / "batch" / "labels"
    text = describe_path(place / "cells_labels.tif")
    assert "version was not recorded" in text and "SHA-256" in text


@pytest.mark.parametrize("settings", [{"diameter": 0}, {"limits": "5"}, ["nuclei"]])
def test_labels_that_another_program_wrote_odd_settings_into(tmp_path, settings):
    labels = np.ones((4, 5), np.int32)
    path = write_labels(tmp_path / "a.tif", labels, None, Provenance(settings))
    with pytest.raises(DataError, match=r"a\.tif: .*labels (say|do not say)"):
        describe_path(path)
