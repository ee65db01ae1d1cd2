"""CUDA graphs: when a shape is recorded, and the same maps as without."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends.base import Device, Maps
from napari_pmrnet.models.backends.choose import HALF_PRECISION
from napari_pmrnet.models.backends.cuda_graphs import (
    MOST_GRAPHS,
    CUDAGraphsBackend,
    Recorded,
)
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.network.inference import inference_form
from napari_pmrnet.research.networks import WithMaps

needs_gpu = pytest.mark.gpu


def tiles(count: int, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.manual_seed(seed))


class OnCPU(CUDAGraphsBackend):
    """Records by keeping the network, and plays by running it on what is held."""

    recordings = 0

    def _record(self, held: Tensor) -> Recorded:
        self.recordings += 1
        held = held.clone()
        output = self._network(held, maps=True)

        def replay() -> None:
            again = self._network(held, maps=True)
            for old, new in zip(flat(output), flat(again), strict=True):
                old.copy_(new)

        return Recorded(SimpleNamespace(replay=replay), held, output)


def flat(output) -> list[Tensor]:
    if isinstance(output, Maps):
        return [*output]
    return [output.logits, output.certainty, *output.gates]


@pytest.fixture
def backend() -> OnCPU:
    torch.manual_seed(0)
    return OnCPU(PMRNet().eval(), Device("cpu"))


def test_a_shape_is_recorded_when_it_comes_again(backend: OnCPU) -> None:
    for count, recordings in ((2, 0), (1, 0), (2, 1), (2, 1), (1, 2)):
        backend(tiles(count))
        assert backend.recordings == recordings


def test_what_is_played_is_what_the_network_gives_and_stays(backend: OnCPU) -> None:
    plain = inference_form(backend._network)
    kept = []
    for seed in range(4):
        with torch.inference_mode():
            expected = plain(tiles(1, seed=seed), maps=True)
        kept.append((backend(tiles(1, seed=seed)), expected))
    assert backend.recordings == 1
    for got, expected in kept:
        for one, other in zip(flat(got), flat(expected), strict=True):
            torch.testing.assert_close(one, other)


def test_the_recordings_used_last_are_kept(backend: OnCPU) -> None:
    sizes = range(8, 8 * (MOST_GRAPHS + 2), 8)
    for side in (*sizes, *sizes):
        backend(tiles(1, side))
    assert backend.recordings == MOST_GRAPHS + 1
    backend(tiles(1, sizes[-1]))
    assert backend.recordings == MOST_GRAPHS + 1
    backend(tiles(1, sizes[0]))
    assert backend.recordings == MOST_GRAPHS + 1
    backend(tiles(1, sizes[0]))
    assert backend.recordings == MOST_GRAPHS + 2


def test_what_cannot_be_recorded_runs_all_the_same(
    backend: OnCPU, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: OnCPU, held: Tensor) -> Recorded:
        self.recordings += 1
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(OnCPU, "_record", refuse)
    with caplog.at_level(logging.WARNING):
        results = [backend(tiles(1)).logits for _ in range(4)]
    assert backend.recordings == 1 and "cannot be recorded" in caplog.text
    for one in results[1:]:
        torch.testing.assert_close(one, results[0])


def test_memory_that_runs_out_is_left_to_the_caller(
    backend: OnCPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: OnCPU, held: Tensor) -> Recorded:
        raise RuntimeError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(OnCPU, "_record", full)
    backend(tiles(1))
    with pytest.raises(RuntimeError, match="out of memory"):
        backend(tiles(1))


def test_nothing_in_the_network_depends_on_values() -> None:
    network = inference_form(PMRNet().eval()).to("meta")
    output = network(tiles(2).to("meta"), maps=True)
    assert all(part.device.type == "meta" for part in flat(output))


def test_automatic_takes_them_for_pmrnet_on_an_nvidia_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(HALF_PRECISION, raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    network = PMRNet().eval()

    def chosen(made: torch.nn.Module) -> str:
        card = new_card(("probability",))
        return Model("m", card, made, Device("cuda:0")).backend.name

    assert chosen(network) == "CUDA graphs (float16)"
    assert chosen(WithMaps(network).eval()) == "PyTorch (float16)"
    monkeypatch.setattr(torch.version, "cuda", None)
    assert chosen(network) == "PyTorch (float16)"


def test_only_a_gpu_has_them(weights) -> None:
    with pytest.raises(PMRNetError, match="NVIDIA GPU, not on cpu"):
        _ = load_model(weights, "cpu", "cuda_graphs").backend


@needs_gpu
def test_a_gpu_gives_the_maps_of_eager_pytorch(weights) -> None:
    eager, graphs = (
        load_model(weights, "cuda", name) for name in ("pytorch", "cuda_graphs")
    )
    for count in (1, 5, 1, 5, 1, 5):
        batch = tiles(count, 64, seed=count).numpy()
        expected = eager.predict_tiles(batch, extra=True)
        np.testing.assert_allclose(
            graphs.predict_tiles(batch, extra=True), expected, atol=2e-3, rtol=0
        )
    assert len(graphs.backend._recorded) == 2


@needs_gpu
def test_threads_on_a_gpu_do_not_mix_their_windows(weights) -> None:
    graphs = load_model(weights, "cuda", "cuda_graphs")
    many = [tiles(1, 64, seed).numpy() for seed in range(12)]
    expected = [graphs.predict_tiles(one) for one in many]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(
            pool.map(graphs.predict_tiles, many), expected, strict=True
        ):
            np.testing.assert_allclose(one, other, atol=2e-3, rtol=0)
