"""Eager PyTorch: any network, in any precision, as float32 maps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose
from napari_pmrnet.models.backends.base import Device
from napari_pmrnet.models.backends.eager import TorchBackend, in_float32
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet, PMRNetOutput
from napari_pmrnet.network.pmrnet import Gates


@pytest.fixture(scope="module")
def by_torch(weights: Path) -> Model:
    return load_model(weights, "cpu", "pytorch")


def tiles(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 3, height, width), np.float32)


def test_maps_in_half_precision_are_float32_and_near(
    by_torch: Model, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_torch.predict_tiles(tiles(1, 64, 64), extra=True)
    monkeypatch.setattr(choose, "fast_dtype", lambda *_: "bfloat16")
    half = load_model(weights, "cpu", "pytorch")
    assert half.runs_on == "cpu with PyTorch (bfloat16)"
    maps = half.predict_tiles(tiles(1, 64, 64), extra=True)
    assert maps.dtype == np.float32
    assert 0 < np.abs(maps - expected).mean() < 0.02


def test_maps_come_in_order_whatever_the_network_computes_in() -> None:
    out = PMRNetOutput(*(torch.full((1, 1, 2, 2), k) for k in (0.5, 1.5)))
    out = out._replace(
        gates=Gates(*(torch.full((1, 1, 1, 1), float(k)) for k in (2, 3, 4, 5)))
    )
    half = PMRNetOutput(
        out.logits.half(), out.certainty.half(), Gates(*(g.half() for g in out.gates))
    )
    maps = in_float32(half)
    assert {m.dtype for m in maps} == {torch.float32}
    assert [float(m.mean()) for m in maps] == [0.5, 1.5, 2, 3, 4, 5]
    assert maps.full.shape == (1, 1, 1, 1)


def test_copies_outlive_the_output() -> None:
    values = torch.zeros(1, 1, 2, 2)
    out = PMRNetOutput(values, values, Gates(values, values, values, values))
    shared, copied = in_float32(out), in_float32(out, copy=True)
    values += 1
    assert shared.logits.any() and not copied.logits.any()


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("float32", "PyTorch"), ("bfloat16", "PyTorch (bfloat16)")],
)
def test_a_backend_says_what_it_computes_in(dtype: str, name: str) -> None:
    network = PMRNet()
    backend = TorchBackend(network, Device("cpu"), dtype)
    assert backend.name == name and backend.dtype == dtype
    assert network.training and next(network.parameters()).dtype == torch.float32
    maps = backend(torch.rand(1, 3, 32, 32))
    assert maps.logits.shape == (1, 1, 32, 32)
    assert {m.dtype for m in maps} == {torch.float32}
