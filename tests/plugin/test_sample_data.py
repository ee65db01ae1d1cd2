"""Samples of the File menu."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest

import napari_pmrnet
from napari_pmrnet.plugin import sample_data


@pytest.fixture
def our_manifest() -> PluginManifest:
    return PluginManifest.from_file(Path(napari_pmrnet.__file__).parent / "napari.yaml")


@pytest.fixture
def offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("key", ["fluorescence", "stained"])
def test_image_and_truth_lie_over_each_other(offline, key):
    viewer = ViewerModel()
    for layer in getattr(sample_data, key)():
        viewer._add_layer_from_data(*layer)
    image, truth = viewer.layers
    assert (image._type_string, truth._type_string) == ("image", "labels")
    assert image.rgb is (key == "stained")
    assert truth.data.max() > 50
    assert truth.data.shape == image.data.shape[:2]
    assert image.scale.tolist() == truth.scale.tolist() == [0.325, 0.325]
    assert image.units == truth.units
    assert image.extent.world.tolist() == truth.extent.world.tolist()
    assert truth.name == f"{image.name} ground truth"


def test_napari_opens_the_samples(npe2pm, our_manifest):
    viewer = ViewerModel()
    with npe2pm.tmp_plugin(manifest=our_manifest):
        viewer.open_sample("napari-pmrnet", "fluorescence")
        viewer.open_sample("napari-pmrnet", "stained")
    assert len(viewer.layers) == 4
