"""Labels layers saved through napari, whose own writer claims the same endings."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.components import LayerList, ViewerModel
from napari.layers import Labels
from napari.plugins import _npe2
from npe2 import PluginManifest

import napari_pmrnet
from napari_pmrnet.io import read_image
from napari_pmrnet.plugin.writer import write_labels_layer

VALUES = np.arange(12, dtype=np.int32).reshape(3, 4)


@pytest.fixture
def our_manifest() -> PluginManifest:
    return PluginManifest.from_file(Path(napari_pmrnet.__file__).parent / "napari.yaml")


@pytest.fixture
def layer() -> Labels:
    return Labels(
        VALUES,
        name="nuclei",
        scale=(0.5, 0.25),
        units=("um", "um"),
        axis_labels=("y", "x"),
        metadata={"napari_pmrnet": {"settings": {"a": 1}, "weights_hash": "f00d"}},
    )


@pytest.fixture(params=["napari first", "ours first"])
def both_writers(request, npe2pm, our_manifest):
    builtin = PluginManifest.from_distribution("napari")
    pair = [builtin, our_manifest]
    for manifest in pair if request.param == "napari first" else reversed(pair):
        npe2pm.register(manifest)
    return npe2pm


def is_ours(path: Path) -> bool:
    return read_image(path)[0].is_labels


def write(layer: Labels, path: Path) -> Path:
    data, meta, _ = layer.as_layer_data_tuple()
    (written,) = write_labels_layer(str(path), data, meta)
    return Path(written)


def test_space_and_origin_of_the_layer_are_kept(layer, tmp_path):
    (image,) = read_image(write(layer, tmp_path / "a.tif"))
    assert image.space.scale == (0.5, 0.25)
    assert image.space.units == ("um", "um")
    assert image.space.axes == ("y", "x")
    assert image.data.dtype == np.uint8
    assert image.metadata["napari_pmrnet"] == {
        "settings": {"a": 1},
        "weights_hash": "f00d",
    }


def test_layer_with_napari_defaults(tmp_path):
    stack = Labels(np.stack([VALUES, VALUES]))
    (image,) = read_image(write(stack, tmp_path / "a.tif"))
    assert image.space.axes == ("z", "y", "x")
    assert image.space.units == ("pixel",) * 3


def test_lazy_and_multiscale_labels(tmp_path):
    lazy = Labels(da.from_array(VALUES))
    np.testing.assert_array_equal(
        tifffile.imread(write(lazy, tmp_path / "lazy.tif")), VALUES
    )
    large = np.kron(VALUES, np.ones((4, 4), np.int32))
    pyramid = Labels([large, large[::2, ::2]], multiscale=True)
    np.testing.assert_array_equal(
        tifffile.imread(write(pyramid, tmp_path / "pyramid.tif")), large
    )


def test_each_filter_of_the_save_dialog_leads_to_its_writer(
    layer, tmp_path, both_writers
):
    text, writers = _npe2.file_extensions_string_for_layers([layer])
    filters = dict(zip(text.split(";;"), writers, strict=True))
    ours = [f for f in filters if "pixel size" in f and "*.tif *.tiff" in f]
    theirs = [f for f in filters if f.startswith("napari builtins labels (")]
    assert len(ours) == len(theirs) == 1
    layers = LayerList([layer])
    layers.save(str(tmp_path / "ours.tif"), _writer=filters[ours[0]])
    layers.save(str(tmp_path / "theirs.tif"), _writer=filters[theirs[0]])
    assert is_ours(tmp_path / "ours.tif")
    assert not is_ours(tmp_path / "theirs.tif")


def test_our_filter_adds_the_ending_that_was_not_typed(layer, tmp_path, both_writers):
    _, writers = _npe2.file_extensions_string_for_layers([layer])
    (ours,) = [w for w in writers if w.plugin_name == "napari-pmrnet"]
    written = LayerList([layer]).save(str(tmp_path / "a"), _writer=ours)
    assert written == [str(tmp_path / "a.tif")]


@pytest.mark.parametrize("ending", ["tif", "TIFF"])
def test_plugin_can_be_named(layer, tmp_path, both_writers, ending):
    path = tmp_path / f"a.{ending}"
    written = LayerList([layer]).save(str(path), plugin="napari-pmrnet")
    assert written == [str(path)]
    assert is_ours(path)


def test_without_a_choice_the_plugin_registered_first_writes(
    layer, tmp_path, both_writers
):
    LayerList([layer]).save(str(tmp_path / "a.tif"))
    first = next(iter(both_writers.iter_manifests())).name
    assert is_ours(tmp_path / "a.tif") == (first == "napari-pmrnet")


@pytest.mark.parametrize("chosen", ["plugin", "filter"])
def test_refusal_reaches_the_user_and_writes_nothing(tmp_path, both_writers, chosen):
    layer = Labels(np.array([[-1, 2]]))
    _, writers = _npe2.file_extensions_string_for_layers([layer])
    (ours,) = [w for w in writers if w.plugin_name == "napari-pmrnet"]
    how = {"plugin": "napari-pmrnet"} if chosen == "plugin" else {"_writer": ours}
    with pytest.raises(OSError, match=r"a\.tif: not written, .*negative"):
        LayerList([layer]).save(str(tmp_path / "a.tif"), **how)
    assert list(tmp_path.iterdir()) == []


def test_saved_labels_open_again_in_the_same_place(layer, tmp_path, both_writers):
    viewer = ViewerModel()
    LayerList([layer]).save(str(tmp_path / "a.tif"), plugin="napari-pmrnet")
    (again,) = viewer.open(tmp_path / "a.tif", plugin="napari-pmrnet")
    np.testing.assert_array_equal(again.data, layer.data)
    assert again.units == layer.units
    assert again.scale.tolist() == layer.scale.tolist()
    assert again.metadata == layer.metadata
