"""Whatever runs the network, the maps are the same, and the user is told what ran."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose, devices
from napari_pmrnet.models.backends.choose import fast_dtype, has_openvino, make_backend
from napari_pmrnet.models.backends.eager import TorchBackend
from napari_pmrnet.network import PMRNet
from napari_pmrnet.research.networks import WithMaps

CPU = torch.device("cpu")
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


def test_loading_a_model_imports_no_openvino(weights: Path) -> None:
    code = (
        "import sys; from napari_pmrnet.models import load_model;"
        f"load_model({str(weights)!r}, 'cpu'); sys.exit('openvino' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
