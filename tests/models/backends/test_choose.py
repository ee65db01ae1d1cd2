"""Whatever runs the network, the maps are the same, and the user is told what ran."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_pmrnet import Settings, segment
from napari_pmrnet.errors import PMRNetError, WeightsError
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose, openvino
from napari_pmrnet.models.backends.base import Backend, Device
from napari_pmrnet.models.backends.choose import fast_dtype, has_openvino
from napari_pmrnet.models.backends.eager import TorchBackend
from napari_pmrnet.models.card import new_card, read_card
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.research.networks import WithMaps

needs_openvino = pytest.mark.skipif(
    not has_openvino(), reason="the extra openvino is not installed"
)


@needs_openvino
def test_automatic_takes_openvino_and_tells(weights: Path) -> None:
    assert "OpenVINO" in load_model(weights, "cpu").runs_on


def test_without_openvino_pytorch_runs(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(openvino, "_core", openvino._core.__wrapped__)
    monkeypatch.setattr(choose, "has_openvino", lambda: False)
    assert load_model(weights, "cpu").runs_on == "cpu with PyTorch"
    with pytest.raises(PMRNetError, match=r"napari-pmrnet\[openvino\]"):
        _ = load_model(weights, "cpu", "openvino").backend


def test_an_openvino_that_fails_is_said_and_done_without(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(openvino, "_core", openvino._core.__wrapped__)
    monkeypatch.setattr(choose, "has_openvino", lambda: True)
    assert load_model(weights, "cpu").runs_on == "cpu with PyTorch"
    assert "OpenVINO cannot be used" in caplog.text


def test_other_networks_and_devices_are_pytorch_s() -> None:
    other, card = WithMaps(PMRNet(pgrf=False)), new_card(("probability",))

    def backend(network: torch.nn.Module, device: str, wanted: str) -> Backend:
        return Model("m", card, network, Device(device), wanted).backend

    assert isinstance(backend(other, "cpu", "auto"), TorchBackend)
    assert isinstance(backend(PMRNet(), "meta", "auto"), TorchBackend)
    with pytest.raises(PMRNetError, match="whole PMRNet on the CPU"):
        backend(other, "cpu", "openvino")
    with pytest.raises(PMRNetError, match="auto, pytorch, openvino"):
        backend(other, "cpu", "tensorrt")


def test_half_precision_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = Device("cpu"), Device("cuda:0")
    monkeypatch.delenv(choose.HALF_PRECISION, raising=False)
    for capability, dtype in (((6, 1), "float32"), ((7, 5), "float16")):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda _, c=capability: c
        )
        assert fast_dtype(cuda, "pytorch") == dtype
    assert fast_dtype(Device("mps"), "pytorch") == "float32"
    for capabilities, dtype in (
        (["FP32", "BF16", "WINOGRAD"], "bfloat16"),
        (["FP32", "WINOGRAD"], "float32"),
        (["FP32", "BF16"], "float32"),
    ):
        core = SimpleNamespace(get_property=lambda *_, c=capabilities: c)
        monkeypatch.setattr(openvino, "_core", lambda c=core: c)
        assert fast_dtype(cpu, "openvino") == dtype
    monkeypatch.setattr(openvino, "multiplies_bfloat16", lambda: True)
    assert fast_dtype(cpu, "openvino") == "bfloat16"
    assert fast_dtype(cpu, "pytorch") == "float32"
    monkeypatch.setenv(choose.HALF_PRECISION, "0")
    assert fast_dtype(cpu, "openvino") == fast_dtype(cuda, "pytorch") == "float32"


class Broken:
    """An OpenVINO that serves so many tiles and then fails."""

    def __init__(self, serves: int) -> None:
        self.serves = serves

    def __call__(self, request: object) -> list[np.ndarray]:
        self.serves -= 1
        if self.serves < 0:
            raise RuntimeError("could not create a primitive")
        return self.answer(request)

    answer = staticmethod(openvino._answer)


def tiles(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.random((1, 3, 64, 64), np.float32) for _ in range(count)]


@needs_openvino
@pytest.mark.parametrize("serves", [0, 2])
def test_an_openvino_that_fails_at_work_is_followed_by_pytorch_and_said_once(
    weights: Path,
    serves: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = [load_model(weights, "cpu").predict_tiles(one) for one in tiles(5)]
    monkeypatch.setattr(openvino, "_answer", Broken(serves))
    model = load_model(weights, "cpu")
    begun = [model.begin(one) for one in tiles(3)]
    found = [answer() for answer in begun]
    found += [model.predict_tiles(one) for one in tiles(5)[3:]]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert model.runs_on == "cpu with PyTorch"
    assert caplog.text.count("PyTorch runs instead") == 1
    assert "could not create a primitive" in caplog.text


@needs_openvino
def test_an_openvino_that_fails_to_compile_is_followed_by_pytorch(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unsupported operation")

    monkeypatch.setattr(openvino.OpenVINOBackend, "_kept", lambda *_: None)
    monkeypatch.setattr(openvino.OpenVINOBackend, "_compile", fail)
    model = load_model(weights, "cpu")
    assert model.predict_tiles(tiles(1)[0]).shape == (1, 5, 64, 64)
    assert model.runs_on == "cpu with PyTorch"
    assert caplog.text.count("unsupported operation") == 1


@needs_openvino
def test_an_openvino_that_was_asked_for_fails_in_words(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "_answer", Broken(0))
    with pytest.raises(PMRNetError, match="OpenVINO cannot run .*primitive"):
        load_model(weights, "cpu", "openvino").predict_tiles(tiles(1)[0])


@needs_openvino
def test_a_run_in_which_openvino_fails_goes_on_and_tells(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (130, 150)).astype(np.uint8)
    settings = Settings(diameter=20)
    expected = segment(image, settings, load_model(weights, "cpu"))
    monkeypatch.setattr(openvino, "_answer", Broken(1))
    found = segment(image, settings, load_model(weights, "cpu"))
    assert found.device == "cpu with PyTorch"
    told = [n for n in found.notes if "OpenVINO failed: going on with PyTorch" in n]
    assert len(told) == 1
    for name, values in expected.maps.items():
        np.testing.assert_allclose(found.maps[name], values, atol=1e-3)


def test_loading_a_model_imports_no_openvino(weights: Path) -> None:
    code = (
        "import sys; from napari_pmrnet.models import load_model;"
        f"load_model({str(weights)!r}, 'cpu'); sys.exit('openvino' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_openvino
def test_a_network_is_made_at_once_where_its_conversion_does_not_prove_it(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    first = load_model(weights, "cpu")
    assert "network" in vars(first)
    assert "OpenVINO" in first.runs_on
    assert "network" not in vars(load_model(weights, "cpu"))
    assert "network" in vars(load_model(weights, "cpu", "pytorch"))
    monkeypatch.setattr(choose, "started_before_fork", lambda _: True)
    assert "network" in vars(load_model(weights, "cpu"))


@needs_openvino
def test_a_card_that_does_not_fit_is_refused_though_the_weights_are_converted(
    weights: Path, tmp_path: Path
) -> None:
    assert "OpenVINO" in load_model(weights, "cpu").runs_on
    path = shutil.copy(weights, tmp_path)
    card = read_card(weights)
    spoilt = new_card(("probability",), sha256=card.sha256)
    Path(path).with_suffix(".json").write_bytes(spoilt.to_json())
    with pytest.raises(WeightsError, match="does not hold weights"):
        load_model(path, "cpu")
