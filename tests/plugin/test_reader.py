"""Files opened in napari: layers, their space, and messages instead of tracebacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import psutil
import pytest
import tifffile
from napari.components import ViewerModel
from npe2 import PluginManifest
from PIL import Image
from plates import write_plate

import napari_pmrnet
from napari_pmrnet.errors import DataError
from napari_pmrnet.io import write_labels
from napari_pmrnet.io.label_plate import LabelPlate
from napari_pmrnet.io.label_zarr import (
    create_label_zarr,
    open_label_zarr,
    seal_label_zarr,
)
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.plugin import reader
from napari_pmrnet.plugin.layers.image_file import file_of
from napari_pmrnet.plugin.layers.label_export import default_path
from napari_pmrnet.plugin.reader import get_reader


@pytest.fixture
def our_manifest() -> PluginManifest:
    return PluginManifest.from_file(Path(napari_pmrnet.__file__).parent / "napari.yaml")


def opened(path) -> ViewerModel:
    viewer = ViewerModel()
    for data, meta, kind in get_reader(str(path))(str(path)):
        viewer._add_layer_from_data(data, meta, kind)
    return viewer


def unit_names(layer) -> list[str]:
    return [str(unit) for unit in layer.units]


def test_time_series_has_scale_units_and_axes(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ones((3, 9, 8), np.uint16),
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "TYX", "unit": "um", "finterval": 60},
    )
    (layer,) = opened(tmp_path / "a.tif").layers
    assert layer.name == "a"
    assert layer.scale.tolist() == [60, 0.25, 0.25]
    assert unit_names(layer) == ["second", "micrometer", "micrometer"]
    assert layer.axis_labels == ("t", "y", "x")


def test_channels_become_layers_named_as_in_the_file(tmp_path):
    data = np.stack([np.full((4, 9, 8), i, np.uint8) for i in range(2)])
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        data,
        metadata={
            "axes": "CZYX",
            "PhysicalSizeX": 0.5,
            "PhysicalSizeY": 0.5,
            "Channel": {"Name": ["DAPI", "actin"]},
        },
    )
    layers = opened(tmp_path / "a.ome.tif").layers
    assert [layer.name for layer in layers] == ["a DAPI", "a actin"]
    assert [layer.data.max() for layer in layers] == [0, 1]
    assert all(layer.scale.tolist() == [1, 0.5, 0.5] for layer in layers)
    assert layers[0].colormap.name != layers[1].colormap.name
    assert layers[1].blending == "additive"


def test_channels_without_names_are_numbered(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ones((3, 9, 8), np.uint8),
        imagej=True,
        metadata={"axes": "CYX"},
    )
    names = [layer.name for layer in opened(tmp_path / "a.tif").layers]
    assert names == ["a channel 0", "a channel 1", "a channel 2"]


def test_colour_picture_is_one_rgb_layer(tmp_path):
    Image.new("RGB", (8, 9)).save(tmp_path / "a.png")
    (layer,) = opened(tmp_path / "a.png").layers
    assert layer.rgb
    assert layer.scale.tolist() == [1, 1]


def test_stack_of_unknown_axes_opens(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((5, 6, 9, 8), np.uint8))
    (layer,) = opened(tmp_path / "a.tif").layers
    assert layer.ndim == 4


def test_our_label_tiff_opens_as_editable_labels(tmp_path):
    labels = np.arange(12).reshape(3, 4)
    path = write_labels(
        tmp_path / "a.tif",
        labels,
        Space.of_plane((0.5, 0.5), "um"),
        Provenance(weights_hash="f00d"),
    )
    (layer,) = opened(path).layers
    assert layer._type_string == "labels"
    assert layer.data.dtype == np.int32
    assert layer.scale.tolist() == [0.5, 0.5]
    assert unit_names(layer) == ["micrometer"] * 2
    assert layer.metadata["napari_pmrnet"]["weights_hash"] == "f00d"
    np.testing.assert_array_equal(layer.data, labels)


def test_labels_beyond_int32_keep_their_values(tmp_path):
    path = write_labels(tmp_path / "a.tif", np.full((3, 4), 2**32 - 1))
    assert opened(path).layers[0].data.max() == 2**32 - 1


def test_dsb18_folder_opens_as_image_and_truth(tmp_path):
    folder = tmp_path / "abc"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
        Image.new("L", (4, 3), 255).save(folder / name / "x.png")
    image, truth = opened(folder).layers
    assert (image.name, image._type_string) == ("abc", "image")
    assert (truth.name, truth._type_string) == ("abc truth", "labels")
    assert truth.data.tolist() == [[1] * 4] * 3


@pytest.mark.parametrize("name", ["a.svs", "a.txt", "folder", "http://x.org/a.tif"])
def test_what_it_cannot_read_is_left_to_others(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.tif").mkdir()
    path = name if "://" in name else str(tmp_path / name)
    assert get_reader(path) is None
    assert get_reader(str(tmp_path / "folder.tif")) is None


def test_stack_of_files_is_left_to_napari_but_a_list_of_one_is_read(tmp_path):
    Image.new("L", (8, 9)).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    assert get_reader([path, path]) is None
    assert len(get_reader([path])([path])) == 1


def test_damaged_file_is_explained_through_napari(tmp_path, npe2pm, our_manifest):
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    viewer = ViewerModel()
    with (
        npe2pm.tmp_plugin(manifest=our_manifest),
        pytest.raises(DataError, match=r"a\.tif: .*again"),
    ):
        viewer.open(tmp_path / "a.tif", plugin="napari-pmrnet")
    assert len(viewer.layers) == 0


def test_napari_opens_files_and_folders_with_it(tmp_path, npe2pm, our_manifest):
    folder = tmp_path / "abc"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
        Image.new("L", (4, 3), 255).save(folder / name / "x.png")
    tifffile.imwrite(tmp_path / "A.TIF", np.zeros((9, 8), np.uint8))
    viewer = ViewerModel()
    with npe2pm.tmp_plugin(manifest=our_manifest):
        viewer.open(tmp_path / "A.TIF", plugin="napari-pmrnet")
        viewer.open(folder, plugin="napari-pmrnet")
    assert [layer.name for layer in viewer.layers] == ["A", "abc", "abc truth"]


def test_an_ome_zarr_pyramid_opens_lazily_at_all_levels(tmp_path):
    zarr = pytest.importorskip("zarr")
    image = np.arange(2 * 40 * 60, dtype=np.uint16).reshape(2, 40, 60)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    datasets = []
    for name, level in (("0", image), ("1", image[..., ::2, ::2])):
        group.create_array(name, data=level, chunks=(1, 20, 20))
        steps = [{"type": "scale", "scale": [1.0] * 3}]
        datasets.append({"path": name, "coordinateTransformations": steps})
    axes = [{"name": name, "type": "space"} for name in "cyx"]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": datasets}
    ]
    layers = opened(tmp_path / "a.zarr").layers
    assert [layer.name for layer in layers] == ["a channel 0", "a channel 1"]
    assert all(layer.multiscale for layer in layers)
    assert not isinstance(layers[1].data[0], np.ndarray)
    np.testing.assert_array_equal(np.asarray(layers[1].data[0]), image[1])


def test_a_label_zarr_is_edited_on_disk_and_undone(tmp_path):
    pytest.importorskip("zarr")
    path = tmp_path / "slide_labels.zarr"
    array = create_label_zarr(
        path, (300, 400), name="slide", space=Space.of_plane((0.5, 0.5), "um")
    )
    array[10:20, 10:20] = 1
    path.with_suffix(".csv").write_text("label,certainty,area\n1,0.75,100\n")
    (layer,) = opened(path).layers
    assert layer.name == "slide_labels" and layer.scale.tolist() == [0.5, 0.5]
    assert layer.features[["index", "certainty"]].to_numpy().tolist() == [[1, 0.75]]
    assert not isinstance(layer.data, np.ndarray)
    layer.data_setitem((np.array([50, 51]), np.array([60, 61])), 7)
    assert open_label_zarr(path, "r")[50, 60] == 7
    layer.undo()
    assert open_label_zarr(path, "r")[50, 60] == 0


def test_other_zarr_folders_are_said_to_hold_no_image(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(DataError, match="without an OME image"):
        opened(tmp_path / "a.zarr")


def test_what_the_user_should_know_of_a_file_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("napari_pmrnet.plugin.reader.show_warning", said.append)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.ones((3, 9, 8), np.uint16),
        metadata={"axes": "TYX"},
    )
    text = tifffile.tiffcomment(tmp_path / "a.ome.tif").replace('="3"', '="5"')
    tifffile.tiffcomment(tmp_path / "a.ome.tif", text.encode())
    (layer,) = opened(tmp_path / "a.ome.tif").layers
    assert layer.data.shape == (3, 9, 8)
    assert said == ["a: 3 of the 5 planes of 'Image0' are in this file."]


def test_what_memory_cannot_hold_is_opened_lazily(tmp_path, monkeypatch):
    pixels = np.zeros((400, 300), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(16, 16), compression="zlib")
    memory = psutil.virtual_memory()._replace(available=9_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    ((data, _, kind),) = get_reader(str(tmp_path / "a.tif"))(str(tmp_path / "a.tif"))
    assert isinstance(data, da.Array) and kind == "image"


@pytest.mark.parametrize("of", ["these", "these, changed", "no one", "others"])
def test_a_table_beside_a_label_zarr_is_taken_if_it_is_its_own(
    of: str, tmp_path, monkeypatch
) -> None:
    path, table = tmp_path / "a.zarr", tmp_path / "a.csv"
    create_label_zarr(path, (30, 40), name="a")[2:5, 3:9] = 1
    table.write_text("label,certainty,area\n1,0.75,18\n")
    known = hash_of(table)
    if of == "these, changed":
        table.write_text("label,certainty,area\n1,0.1,18\n")
    if of == "no one":
        table.write_text("plate,well\n1,A1\n")
    seal_label_zarr(path, "", known if of.startswith("these") else "")
    if of == "others":
        seal_label_zarr(path, "", "0" * 64)
    warnings = []
    monkeypatch.setattr(reader, "show_warning", warnings.append)
    (layer,) = opened(path).layers
    assert ("certainty" in layer.features) == (of == "these")
    assert bool(warnings) == (of != "these")


@pytest.mark.parametrize("name", ["a_labels.tif", "a_cp_masks.png", "a_seg.npy"])
def test_labels_of_other_programs_open_as_labels(tmp_path, name) -> None:
    masks = np.zeros((20, 30), np.uint16)
    masks[2:9, 3:9], masks[11:15, 3:9] = 1, 2
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, {"masks": masks})
    elif name.endswith("png"):
        Image.fromarray(masks).save(path)
    else:
        tifffile.imwrite(path, masks)
    read = get_reader(str(path))
    assert read is not None
    ((data, _, kind),) = read(str(path))
    assert kind == "labels" and data.dtype == np.int32 and np.array_equal(data, masks)


def test_pictures_with_the_name_of_labels_stay_images(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(1, 255, (20, 30), np.uint8)
    tifffile.imwrite(tmp_path / "a_masks.tif", pixels)
    ((_, _, kind),) = reader.read_layers(tmp_path / "a_masks.tif")
    assert kind == "image"
    assert get_reader(str(tmp_path / "other.npy")) is None


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """What the user is told."""
    said: list[str] = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(reader, name, said.append)
    return said


@pytest.fixture
def plate(tmp_path) -> Path:
    """A plate of three images."""
    pytest.importorskip("yaozarrs")
    return write_plate(tmp_path / "p.zarr", pixels=lambda _: np.ones((9, 8), np.uint8))


def test_a_plate_opens_its_first_image_and_says_how_to_see_the_others(
    plate, told
) -> None:
    (layer,) = opened(plate).layers
    assert layer.name == "p_A01_0" and layer.multiscale
    assert file_of(layer) == plate / "A" / "1" / "0"
    (text,) = told
    assert "2 wells with 3 images" in text and "'p_A01_0'" in text
    assert str(plate / "B" / "12" / "0") in text and "Segment a folder" in text


def test_a_plate_opens_the_first_image_that_can_be_read(plate, told) -> None:
    shutil.rmtree(plate / "A" / "1" / "0")
    assert [layer.name for layer in opened(plate).layers] == ["p_A01_1"]
    shutil.rmtree(plate / "A")
    assert [layer.name for layer in opened(plate).layers] == ["p_B12_0"]
    shutil.rmtree(plate / "B" / "12" / "0")
    with pytest.raises(DataError, match=r"p\.zarr.A.1"):
        opened(plate)


@pytest.mark.parametrize(
    ("of", "name", "notes"),
    [("A/1", "p_A01_0", 1), ("A", "p_A01_0", 1), ("B/12", "p_B12_0", 0)],
)
def test_a_row_or_well_opens_like_a_plate(plate, told, of, name, notes) -> None:
    assert [layer.name for layer in opened(plate / of).layers] == [name]
    assert len(told) == notes, "of one image there is nothing to say"


def test_a_row_that_is_named_from_its_plate_opens_too(
    plate, told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plate)
    assert [layer.name for layer in opened(Path("A")).layers] == ["p_A01_0"]
    assert told[0].startswith(str(Path("p.zarr", "A")))


def test_a_field_is_named_after_plate_and_well(plate, told) -> None:
    (layer,) = opened(plate / "A" / "1" / "1").layers
    assert layer.name == "p_A01_1" and not told
    assert default_path(layer).name == "p_A01_1_labels.tif"


def test_a_plate_of_labels_opens_as_labels(tmp_path, told) -> None:
    pytest.importorskip("yaozarrs")
    made = LabelPlate(tmp_path / "p_labels.zarr", "p", "p.zarr")
    for field in ("A/1/0", "B/2/0"):
        array = made.add(field, "nuclei", (9, 8), Space.of_plane((1, 1)), Provenance())
        array[2:4, 3:6] = 7
    made.finish()
    (layer,) = opened(made.path).layers
    assert layer._type_string == "labels" and layer.name == "p_labels_A01_0"
    assert np.asarray(layer.data).max() == 7
    assert "Segment a folder" not in told[0], "labels are no images"
    (layer,) = opened(made.path / "B" / "2" / "0").layers
    assert layer._type_string == "labels" and layer.name == "p_labels_B02_0"
