"""Labels are made on the GPU of the network, and without it where that fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.segmentation import on_device as module
from napari_pmrnet.segmentation.diameter_estimate import estimate_at
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.segment import segment
from napari_pmrnet.settings import Settings

from .conftest import Reader, discs, drawn, labelled

PLAIN = Settings(diameter=20, probability_threshold=0.5, seed_threshold=0.3, min_area=1)
CPU: Any = SimpleNamespace(device=torch.device("cpu"))


@pytest.fixture
def as_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the CPU, as torch sees it, for a GPU."""
    monkeypatch.setattr(module, "CAPABLE", ("cpu",))


def seen(*arguments: Any) -> tuple[Any, ...]:
    return arguments


def test_without_a_gpu_arrays_stay_as_they_are() -> None:
    array, maps = np.ones(3), {"certainty": np.ones(3)}
    assert on_device(CPU, seen, array, maps, None)[0] is array
    assert on_device(CPU, seen, array, maps, None)[1] is maps


def test_arrays_are_moved_and_all_else_is_not(as_gpu: None) -> None:
    array = np.arange(3)
    weights, settings = {"intercept": 1.0}, Settings()
    moved, maps, *others = on_device(
        CPU, seen, array, {"certainty": np.ones(3)}, weights, settings, None
    )
    moved += 1
    assert array.tolist() == [0, 1, 2] and moved.tolist() == [1, 2, 3]
    assert torch.equal(maps["certainty"], torch.ones(3, dtype=torch.float64))
    assert others[0] is weights and others[1] is settings and others[2] is None


@pytest.mark.parametrize(
    "said", ["CUDA out of memory. Tried to allocate", "CUDA error: unknown error"]
)
def test_what_a_gpu_cannot_do_is_done_without_it(as_gpu: None, said: str) -> None:
    def work(array: Any) -> str:
        if isinstance(array, torch.Tensor):
            raise RuntimeError(said)
        return "done"

    assert on_device(CPU, work, np.ones(3)) == "done"


def test_faults_of_our_own_are_not_hidden(as_gpu: None) -> None:
    def work(array: Any) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="do not fit"):
        on_device(CPU, work, np.ones(3))


def on_both(monkeypatch: pytest.MonkeyPatch, run: Any) -> tuple[Any, Any]:
    """What is found in NumPy, and with the CPU for a GPU."""
    reader = Reader()
    monkeypatch.setattr(reader, "device", CPU.device, raising=False)
    here = run(reader)
    monkeypatch.setattr(module, "CAPABLE", ("cpu",))
    return here, run(reader)


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert len(one) > 5
    pd.testing.assert_frame_equal(one, other, rtol=1e-5, atol=1e-6)


def test_images_and_regions_get_the_labels_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = drawn(discs((150, 130), 3, (5, 12)))
    region = np.zeros(image.shape[:2], bool)
    region[30:140, 20:125] = True
    for where in (None, region):
        here, there = on_both(
            monkeypatch,
            lambda model, where=where: segment(image, PLAIN, model, region=where),
        )
        np.testing.assert_array_equal(there.labels, here.labels)
        assert_same(there.objects, here.objects)
        lower = replace(here.settings, probability_threshold=0.3)
        np.testing.assert_array_equal(
            there.relabel(lower).labels, here.relabel(lower).labels
        )


def test_diameters_are_those_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.moveaxis(drawn(discs((150, 130), 3, (5, 12))) / np.float32(255), 2, 0)
    here, there = on_both(monkeypatch, lambda model: estimate_at(model, image, 1.0))
    assert here.diameter == there.diameter and 10 < here.diameter < 24
    assert here.trust == pytest.approx(there.trust, abs=1e-6)


def test_blocks_get_the_labels_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plane = Plane([drawn(discs((150, 130), 3, (5, 12)))])
    folders = iter("ab")
    here, there = on_both(
        monkeypatch,
        lambda model: labelled(plane, tmp_path / f"{next(folders)}.zarr", PLAIN, model),
    )
    labels = (open_label_zarr(one.labels, "r")[...] for one in (here, there))
    np.testing.assert_array_equal(*labels)
    assert_same(there.objects, here.objects)
