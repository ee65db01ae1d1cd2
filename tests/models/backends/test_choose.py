"""Whatever runs the network, the maps are the same, and the user is told what ran."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose, devices
from napari_pmrnet.models.backends.choose import fast_dtype, has_openvino, make_backend
from napari_pmrnet.models.backends.eager import TorchBackend
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.research.networks import WithMaps

CPU = torch.device("cpu")
needs_openvino = pytest.mark.skipif(
    not has_openvino(), reason="the extra openvino is not installed"
)


@pytest.fixture(scope="module")
def by_torch(weights: Path) -> Model:
    return load_model(weights, "cpu", "pytorch")


@pytest.fixture(scope="module")
def by_openvino(weights: Path) -> Model:
    return load_model(weights, "cpu", "openvino")


def tiles(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 3, height, width), np.float32)


@needs_openvino
@pytest.mark.parametrize("shape", [(2, 64, 64), (1, 96, 40)])
def test_openvino_gives_every_map_that_pytorch_gives(
    by_torch: Model, by_openvino: Model, shape: tuple[int, int, int]
) -> None:
    expected = by_torch.predict_tiles(tiles(*shape), extra=True)
    actual = by_openvino.predict_tiles(tiles(*shape), extra=True)
    assert by_openvino.runs_on == "cpu with OpenVINO"
    np.testing.assert_allclose(actual, expected, atol=1e-4, rtol=0)


@needs_openvino
def test_automatic_takes_openvino_and_tells(weights: Path) -> None:
    assert "OpenVINO" in load_model(weights, "cpu").runs_on


@needs_openvino
def test_threads_do_not_mix_their_windows(by_openvino: Model) -> None:
    many = [tiles(1, 64, 64, seed) for seed in range(12)]
    expected = [by_openvino.predict_tiles(w) for w in many]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(
            pool.map(by_openvino.predict_tiles, many), expected, strict=True
        ):
            np.testing.assert_array_equal(one, other)


@needs_openvino
def test_a_result_stays_when_the_next_one_is_made(by_openvino: Model) -> None:
    first = by_openvino.backend(torch.from_numpy(tiles(1, 64, 64)))
    kept = first.logits.clone()
    by_openvino.backend(torch.from_numpy(tiles(1, 64, 64, seed=1)))
    assert torch.equal(first.logits, kept)


@needs_openvino
def test_a_conversion_is_kept_and_one_that_broke_is_made_anew(
    weights: Path, cache: Path, by_openvino: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_pmrnet.models.backends import openvino

    expected = by_openvino.predict_tiles(tiles(1, 64, 64))
    (kept,) = (
        path
        for path in cache.glob("openvino/*/network.xml")
        if path.parent.name == openvino._key(by_openvino.card.sha256)
    )
    calls = []
    convert = openvino.convert
    monkeypatch.setattr(openvino, "convert", lambda n: calls.append(n) or convert(n))
    again = load_model(weights, "cpu", "openvino").predict_tiles(tiles(1, 64, 64))
    assert not calls
    np.testing.assert_array_equal(again, expected)
    kept.write_text("<cut off")
    anew = load_model(weights, "cpu", "openvino").predict_tiles(tiles(1, 64, 64))
    assert calls
    np.testing.assert_array_equal(anew, expected)


@needs_openvino
def test_a_cache_that_cannot_be_written_is_done_without(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: blocked)
    assert load_model(weights, "cpu", "openvino").runs_on == "cpu with OpenVINO"


def test_without_openvino_pytorch_runs(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(choose, "has_openvino", lambda: False)
    assert load_model(weights, "cpu").runs_on == "cpu with PyTorch"
    with pytest.raises(PMRNetError, match=r"napari-pmrnet\[openvino\]"):
        _ = load_model(weights, "cpu", "openvino").backend


def test_an_openvino_that_fails_is_said_and_done_without(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(choose, "has_openvino", lambda: True)
    assert load_model(weights, "cpu").runs_on == "cpu with PyTorch"
    assert "OpenVINO cannot be used" in caplog.text


def test_other_networks_and_devices_are_pytorch_s() -> None:
    other = WithMaps(PMRNet(pgrf=False))
    assert isinstance(make_backend(other, CPU, "auto", None), TorchBackend)
    gpu = torch.device("meta")
    assert isinstance(make_backend(PMRNet(), gpu, "auto", None), TorchBackend)
    with pytest.raises(PMRNetError, match="whole PMRNet on the CPU"):
        make_backend(other, CPU, "openvino", None)
    with pytest.raises(PMRNetError, match="auto, pytorch, openvino"):
        make_backend(other, CPU, "tensorrt", None)


def test_half_precision_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda:0")
    monkeypatch.delenv(choose.HALF_PRECISION, raising=False)
    for capability, dtype in (((6, 1), torch.float32), ((7, 5), torch.float16)):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda _, c=capability: c
        )
        assert fast_dtype(cuda, "pytorch") == dtype
    assert fast_dtype(torch.device("mps"), "pytorch") == torch.float32
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not devices.has_fast_bfloat16("cpu")
    assert fast_dtype(CPU, "openvino") == torch.float32
    monkeypatch.setattr(choose, "has_fast_bfloat16", lambda kind: kind == "cpu")
    assert fast_dtype(CPU, "openvino") == torch.bfloat16
    assert fast_dtype(CPU, "pytorch") == torch.float32
    monkeypatch.setenv(choose.HALF_PRECISION, "0")
    assert fast_dtype(CPU, "openvino") == fast_dtype(cuda, "pytorch") == torch.float32


def test_maps_in_half_precision_are_float32_and_near(
    by_torch: Model, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_torch.predict_tiles(tiles(1, 64, 64), extra=True)
    monkeypatch.setattr(choose, "fast_dtype", lambda *_: torch.bfloat16)
    half = load_model(weights, "cpu", "pytorch")
    assert half.runs_on == "cpu with PyTorch (bfloat16)"
    maps = half.predict_tiles(tiles(1, 64, 64), extra=True)
    assert maps.dtype == np.float32
    assert 0 < np.abs(maps - expected).mean() < 0.02


def test_loading_a_model_imports_no_openvino(weights: Path) -> None:
    code = (
        "import sys; from napari_pmrnet.models import load_model;"
        f"load_model({str(weights)!r}, 'cpu'); sys.exit('openvino' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
