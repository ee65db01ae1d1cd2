"""The shipped weights on a GPU: the labels of the CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet import load_model, segment
from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.pretrained.backends import HALF_PRECISION

FOLDER = os.environ.get("PMRNET_DSB18")

pytestmark = pytest.mark.gpu


def images() -> Iterator[np.ndarray]:
    """A generated megapixel, and validation images where there are any."""
    yield make_fluorescence((1024, 1024))[0]
    if FOLDER:
        dataset = PackedDataset(Path(FOLDER), subset="val")
        yield from (dataset.load(image_id)[0] for image_id in dataset.ids[::4])


@pytest.mark.parametrize("backend", ["pytorch", "cuda_graphs"])
@pytest.mark.parametrize(("half", "least"), [("0", 0.995), ("1", 0.99)])
def test_cpu_and_gpu_give_the_same_labels(
    backend: str, half: str, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = load_model("dsb18", "cpu", "pytorch")
    expected = [segment(image, model=cpu).labels for image in images()]
    monkeypatch.setenv(HALF_PRECISION, half)
    gpu = load_model("dsb18", "cuda", backend)
    matches = []
    for image, labels in zip(images(), expected, strict=True):
        matches += match(labels, segment(image, model=gpu).labels, [0.9])
    pooled, per_image = average_precision(matches)
    print(f"{backend}, {HALF_PRECISION}={half}: {pooled:.4f}, {per_image:.4f}")
    assert min(pooled, per_image) >= least
