"""Exported networks, run by another program, give the maps that ours gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.errors import WeightsError
from napari_pmrnet.export import onnx as onnx_module
from napari_pmrnet.export.onnx import (
    TOLERANCE,
    check_export,
    import_onnxruntime,
    metadata,
    runner,
)
from napari_pmrnet.export.write import export_model
from napari_pmrnet.models import Model, load_model
from napari_pmrnet.segmentation.normalise import PERCENTILES
from napari_pmrnet.segmentation.plane import prepare

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SHIPPED = "nuclei"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, content: bytes, shipped: Model) -> None:
    """Every export is of the shipped model, made already."""
    monkeypatch.setattr(onnx_module, "load_for_export", lambda _: shipped)
    monkeypatch.setattr(onnx_module, "onnx_bytes", lambda _: content)


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
