"""Exported models, run by another program, give the maps that ours gives."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.errors import PMRNetError, WeightsError
from napari_pmrnet.export import bioimageio as bioimageio_module
from napari_pmrnet.export import onnx as onnx_module
from napari_pmrnet.export.onnx import (
    TOLERANCE,
    check_export,
    import_onnxruntime,
    metadata,
    onnx_bytes,
    runner,
)
from napari_pmrnet.export.write import export_model, format_of
from napari_pmrnet.models import Model, load_model
from napari_pmrnet.segmentation.normalise import PERCENTILES
from napari_pmrnet.segmentation.plane import prepare

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SHIPPED = "dsb18"


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(SHIPPED, "cpu", "pytorch")


@pytest.fixture(scope="module")
def content(shipped: Model) -> bytes:
    return onnx_bytes(shipped)


@pytest.fixture(scope="module")
def run(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """The shipped model in onnxruntime."""
    return runner(content)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, content: bytes, shipped: Model) -> None:
    """Every export is of the shipped model, made already."""
    monkeypatch.setattr(onnx_module, "load_for_export", lambda _: shipped)
    monkeypatch.setattr(onnx_module, "onnx_bytes", lambda _: content)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    """The shipped model as a package of bioimage.io."""
    pytest.importorskip("bioimageio.spec")
    path = tmp_path_factory.mktemp("package") / "nuclei.bioimageio.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bioimageio_module, "onnx_bytes", lambda _: content)
        done = export_model(SHIPPED, path)
    assert done.path == path and "its maps are ours" in done.checked
    return path


@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(4, 16),
    width=st.integers(4, 16),
    batch=st.integers(1, 3),
    seed=st.integers(0, 99),
    make=st.sampled_from([make_fluorescence, make_stained]),
)
def test_maps_agree_at_any_size(
    shipped: Model, run, height, width, batch, seed, make
) -> None:
    size = (8 * height, 8 * width)
    tiles = np.stack([prepare(make(size, seed=seed + i)[0]) for i in range(batch)])
    maps = run(tiles)
    assert maps.shape == (batch, len(shipped.map_names()), *size)
    np.testing.assert_allclose(maps, shipped.predict_tiles(tiles), atol=TOLERANCE)


def test_the_file_says_what_it_is(shipped: Model, content: bytes) -> None:
    made = onnx.load_from_string(content)
    props = {prop.key: prop.value for prop in made.metadata_props}
    assert props == metadata(shipped)
    assert props["weights_sha256"] == shipped.card.sha256
    assert json.loads(props["channels"]) == list(shipped.map_names())
    assert json.loads(props["window"]) == 256
    assert all(str(p) in props["normalisation"] for p in PERCENTILES)
    (given,), (result,) = made.graph.input, made.graph.output
    assert (given.name, result.name) == ("image", "maps")
    shape = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert shape == ["batch", 3, "height", "width"]


def test_only_known_operations_and_no_files_are_used(content: bytes) -> None:
    made = onnx.load_from_string(content)
    assert {opset.domain for opset in made.opset_import} == {""}
    assert not made.functions
    assert not any(tensor.external_data for tensor in made.graph.initializer)


def test_a_model_without_flows_is_exported_too(tmp_path: Path) -> None:
    import torch

    from napari_pmrnet.models.card import new_card
    from napari_pmrnet.models.weights import save_model
    from napari_pmrnet.network import PMRNet

    path = tmp_path / "polyp.safetensors"
    torch.manual_seed(1)
    save_model(path, PMRNet().state_dict(), new_card(["probability"], window=64))
    done = export_model(str(path), tmp_path / "polyp.onnx")
    assert "its maps are ours" in done.checked
    exported = runner(done.path.read_bytes())(np.zeros((1, 3, 64, 64), np.float32))
    assert exported.shape == (1, 3, 64, 64)


def test_another_network_s_export_does_not_pass(content: bytes, weights: Path) -> None:
    model = load_model(weights, "cpu", "pytorch")
    with pytest.raises(WeightsError, match="differ by"):
        check_export(content, model, np.zeros((1, 3, 64, 64), np.float32))


def test_an_export_that_fails_its_check_is_not_written(
    quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_module, "TOLERANCE", -1.0)
    with pytest.raises(WeightsError, match="was not exported"):
        export_model(SHIPPED, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_without_onnxruntime_it_says_that_it_was_not_run(
    quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = export_model(SHIPPED, tmp_path / "m.onnx")
    assert "not run" in done.checked and done.path.is_file()


@pytest.mark.parametrize("name", ["m.onnx", "m.bioimageio.zip"])
def test_a_missing_package_is_named_with_the_remedy(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    monkeypatch.setattr("napari_pmrnet._software._found", lambda _: None)
    with pytest.raises(PMRNetError, match=r"napari-pmrnet\[export\]"):
        export_model(str(weights), tmp_path / name)


def test_formats_are_told_by_their_endings(weights: Path, tmp_path: Path) -> None:
    for name, kind in (
        ("a.zip", "zip"),
        ("a.ONNX", "onnx"),
        ("a.bioimageio.zip", "bioimageio"),
    ):
        assert format_of(name) == kind
    for name in ("a.pt", "zip", ""):
        with pytest.raises(WeightsError, match="ends in"):
            format_of(name)
    with pytest.raises(WeightsError, match="no format 'pickle'"):
        export_model(str(weights), tmp_path / "a.zip", "pickle")
    assert export_model(str(weights), tmp_path / "b", "zip").path.name == "b.zip"


REPORTING = """
import sys
from napari_pmrnet.export.onnx import runner
import numpy as np
runner(open(sys.argv[1], "rb").read())(np.zeros((1, 3, 64, 64), np.float32))
"""


def test_onnxruntime_keeps_no_record_of_its_use(content: bytes, tmp_path: Path) -> None:
    path, home = tmp_path / "m.onnx", tmp_path / "home"
    path.write_bytes(content)
    home.mkdir()
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(home))
    kept = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", REPORTING, str(path)], env=kept | places, check=True
    )
    assert not [p for p in home.rglob("*") if "onnxruntime" in p.name.lower()]
    import_onnxruntime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_the_package_is_valid_and_its_test_tensors_pass(
    package: Path, shipped: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    import bioimageio.spec as spec

    def refuse(*_: object) -> None:
        raise OSError("the network is not to be used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    cited = {"https://openaccess.thecvf.com/CVPR2026": None}
    with spec.ValidationContext(
        perform_io_checks=True, log_warnings=False, known_files=cited
    ):
        described = spec.load_model_description(package)
    assert described.validation_summary.status in ("valid-format", "passed")
    assert described.license == "CC0-1.0"
    (given,), (result,) = described.inputs, described.outputs
    assert [axis.id for axis in given.axes] == ["batch", "channel", "y", "x"]
    assert tuple(result.axes[1].channel_names) == shipped.map_names()
    assert given.axes[2].size.min == 256 and given.axes[2].size.step == 8
    with zipfile.ZipFile(package) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    tiles, maps = (
        np.load(io.BytesIO(files[f"test_{side}.npy"])) for side in ("input", "output")
    )
    assert tiles.shape == (1, 3, 256, 256) and 0 <= tiles.min() < tiles.max() <= 1
    packed = runner(files[described.weights.onnx.source.path.name])
    np.testing.assert_allclose(packed(tiles), maps, atol=TOLERANCE)
    np.testing.assert_array_equal(shipped.predict_tiles(tiles), maps)
    assert maps[0, 0].max() > 0.9 > 0.1 > maps[0, 0].min()


def test_the_package_holds_no_code_and_says_how_to_use_it(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names, text = archive.namelist(), archive.read("README.md").decode()
    assert {Path(name).suffix for name in names} == {
        *(".yaml", ".md", ".png", ".npy", ".onnx")
    }
    assert "# Validation" in text and "{" not in text.replace('`{"', "").replace(
        "}`", ""
    )
    assert "percentile 1.0 and percentile 99.8" in text and "4,000,000" in text


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_packages_of_objects_and_classes_say_so(
    whole_weights, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "w.bioimageio.zip"
    assert "is valid" in bioimageio_module.export_package(
        str(whole_weights[kind]), target
    )
    with zipfile.ZipFile(target) as archive:
        text = archive.read("README.md").decode()
        about = yaml.safe_load(archive.read("rdf.yaml"))
    assert kind in about["description"] and kind in about["tags"]
    assert "one tile holds all of them" in text
    assert "nucle" not in text.split("## Validation")[0].replace("nuclei of", "")
    assert about["config"]["napari_pmrnet"]["labels"] == kind
    if kind == "classes":
        assert "looks like polyp" in text and "looks like tool" in text
    assert not any("Nucleus" in cite["text"] for cite in about["cite"])
