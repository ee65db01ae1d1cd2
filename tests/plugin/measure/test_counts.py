"""The measured images of a viewer, by well."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import Source
from plates import write_plate

from napari_pmrnet.plugin.layers.image_file import FILE
from napari_pmrnet.plugin.layers.pixel_size import SERIES
from napari_pmrnet.plugin.layers.source_image import tie
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.kept import (
    keep,
    with_flags,
)
from napari_pmrnet.proofreading.measure import measure


@pytest.fixture
def viewer(tmp_path) -> ViewerModel:
    """Three images of two wells, all but the last measured; one of them twice."""
    viewer = ViewerModel()
    for number, name in enumerate(("p_A01_s1", "p_A01_s2", "p_B02_s1"), start=1):
        labels = np.zeros((20, 30 + number), np.int32)
        for nucleus in range(number):
            labels[2:6, 8 * nucleus : 8 * nucleus + 4] = nucleus + 1
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, labels.astype(np.uint8))
        image = viewer.add_image(tifffile.imread(path), name=name)
        image._set_source(Source(path=str(path)))
        layer = viewer.add_labels(labels, name=f"{name}_labels")
        if number < 3:
            keep(layer, with_flags(measure(labels), pd.DataFrame()), "pixel", (1, 1))
    return viewer


def company(viewer: ViewerModel, name: str) -> Company:
    return Company.of(viewer.layers[name], list(viewer.layers), ())


def test_other_images_are_known_by_their_files(viewer, tmp_path) -> None:
    found = company(viewer, "p_A01_s1_labels")
    assert found.image.file == str(tmp_path / "p_A01_s1.tif")
    others = [image.file for image in found.measured]
    assert others == [str(tmp_path / "p_A01_s2.tif")]
    own = measure(np.asarray(viewer.layers["p_A01_s1_labels"].data))
    well, images, together = found.in_well(own)
    assert (well, images, len(together)) == ("A01", 2, 3)
    table = found.counts(own, []).table()
    assert table["nuclei"].tolist() == [1, 2, 3]
    assert company(viewer, "p_B02_s1_labels").in_well(own)[:2] == ("", 1)


def test_an_image_counts_once_whatever_layers_are_of_it(viewer) -> None:
    labels = np.asarray(viewer.layers["p_A01_s2_labels"].data)
    again = viewer.add_labels(labels, name="p_A01_s2_masks")
    table = with_flags(measure(labels), pd.DataFrame()).iloc[:1]
    keep(again, table, "pixel", (1, 1))
    (found,) = company(viewer, "p_A01_s1_labels").measured.values()
    assert len(found) == 1, "the topmost"
    assert len(company(viewer, "p_A01_s2_labels").measured) == 1


def test_images_of_one_file_are_counted_apart(tmp_path) -> None:
    """Scenes, and fields of a plate that was opened as a whole."""
    path, viewer = tmp_path / "a.tif", ViewerModel()
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:6] = 1
    for number, series in enumerate(("a 1: Left", "a 2: Right")):
        image = viewer.add_image(labels + number, name=series)
        image.metadata[SERIES] = series
        image._set_source(Source(path=str(path)))
        layer = viewer.add_labels(labels, name=f"labels {number}")
        tie(layer, image)
        keep(layer, with_flags(measure(labels), pd.DataFrame()), "pixel", (1, 1))
    found = company(viewer, "labels 0")
    assert found.image.scene == "1: Left" and len(found.measured) == 1
    table = found.counts(measure(labels), []).table()
    assert table["scene"].tolist() == ["1: Left", "2: Right"]


def test_a_field_is_counted_in_its_well(tmp_path) -> None:
    pytest.importorskip("yaozarrs")
    plate = write_plate(tmp_path / "p.zarr")
    viewer, labels = ViewerModel(), np.eye(9, 8, dtype=np.int32)
    image = viewer.add_image(labels, metadata={FILE: str(plate / "A" / "1" / "1")})
    tie(viewer.add_labels(labels, name="labels"), image)
    table = company(viewer, "labels").counts(measure(labels), []).table()
    assert table[["well", "field"]].values.tolist()[0] == ["A01", "1"]
    assert table["plate"][0].endswith("p.zarr")
