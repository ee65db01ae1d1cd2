"""The measured images of a viewer, by well."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import Source
from plates import write_plate

from napari_pmrnet.batch.summary import Row
from napari_pmrnet.io.image_place import images_in
from napari_pmrnet.plugin.layers.source_image import tie
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.kept import (
    keep,
    with_flags,
)
from napari_pmrnet.plugin.reader import open_layers
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


def seen(viewer: ViewerModel, path: Path) -> list[Company]:
    """The images of a file, or a first field, opened and each with labels of it."""
    found = []
    for image in open_layers(viewer, path):
        labels = np.zeros(image.data.shape, np.int32)
        labels[2:6, 2:6] = 1
        layer = viewer.add_labels(labels, name=f"labels of {image.name}")
        tie(layer, image)
        keep(layer, with_flags(measure(labels), pd.DataFrame()), "pixel", (1, 1))
        found.append(layer.name)
    return [company(viewer, name) for name in found]


def test_images_of_a_file_are_named_and_sorted_as_in_a_folder_run(tmp_path) -> None:
    """Also one without a name of its own, and one whose name comes again."""
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for number, name in enumerate(["Well 2", "Left", None, "Left"]):
            pixels = np.full((20, 30), number, np.uint8)
            file.write(pixels, metadata={"axes": "YX", "Name": name} if name else None)
    found = seen(ViewerModel(), path)
    rows = [Row.of(one, str) for one in images_in(path)]
    assert [one.image for one in found] == rows
    assert [len(one.measured) for one in found] == [3, 3, 3, 3], "counted apart"
    table = found[3].counts(measure(np.eye(9, dtype=np.int32)), []).table()
    assert table["scene"].tolist() == [row.scene for row in rows]


def test_a_field_is_named_as_in_a_folder_run_and_counted_in_its_well(tmp_path) -> None:
    pytest.importorskip("yaozarrs")
    plate = write_plate(tmp_path / "p.zarr")
    (found,) = seen(ViewerModel(), plate)
    first = Row.of(images_in(plate)[0], str)
    assert found.image == first
    table = found.counts(measure(np.eye(9, dtype=np.int32)), []).table()
    assert table[["plate", "well", "field"]].values.tolist()[0] == [
        first.plate,
        "A01",
        first.field,
    ]
