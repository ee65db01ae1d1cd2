"""The trainer: batches in order, threads given back, no losses that are not finite."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_training import SMALL, sets

from napari_pmrnet.training.train import make_trainer, train, training_data
from napari_pmrnet.training.trainer import MOST_HELPERS, Trainer, _Helpers


def test_a_loss_that_is_not_finite_stops_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napari_pmrnet.training.trainer.total_loss",
        lambda *_: (torch.tensor(float("nan"), requires_grad=True), {}),
    )
    with pytest.raises(FloatingPointError, match="learning rate"):
        train(*sets(data), tmp_path / "w.safetensors", SMALL)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(SMALL, epochs=1, finish_epochs=0)
    plain, compiled = tmp_path / "plain.safetensors", tmp_path / "fused.safetensors"
    train(*sets(data), plain, config)
    seen = []

    def without_compiler(network: torch.nn.Module, **how: object) -> torch.nn.Module:
        seen.append(how)
        return torch.nn.Sequential(network)[0]

    monkeypatch.setattr(torch, "compile", without_compiler)
    train(*sets(data), compiled, config, compiled=True)
    assert seen == [{"dynamic": False, "mode": "reduce-overhead"}]
    expected, actual = load_file(plain), load_file(compiled)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, msg=name)


def test_beside_a_gpu_several_threads_cut_batches_in_order(tmp_path: Path) -> None:
    class Numbers:
        samples = range(20)

        def batch(self, step: int, count: int, size: int) -> tuple[int, int]:
            time.sleep(0.02 * (step % 3 == 0))
            return step, size

    trainer = Trainer(SMALL, Numbers(), [], tmp_path / "none.ckpt")
    for device, count in (("cpu", 1), ("cuda:0", min(MOST_HELPERS, os.cpu_count()))):
        with _Helpers(device) as pool:
            assert pool.count == count
            batches = list(trainer._batches(pool, first=7, count=12))
        assert batches == [(step, SMALL.crop_size) for step in range(7, 19)]


def test_training_leaves_later_threads_as_many_cores(
    data: Path, tmp_path: Path
) -> None:
    def threads() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before = threads()
    config = replace(SMALL, epochs=1, finish_epochs=0)
    source = training_data(*sets(data), config=config)
    make_trainer(source, config, tmp_path / "w.ckpt", "cpu").run(lambda _: None)
    assert threads() == before
