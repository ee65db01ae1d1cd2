"""The shipped weights on a GPU: the labels of the CPU."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet import load_model, segment
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models.backends.choose import HALF_PRECISION

SAME_MAPS = 1e-6
"""Certainties of nuclei that sums on a GPU may differ by."""

FOLDER = os.environ.get("PMRNET_DSB18")

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def expected() -> list[tuple[np.ndarray, np.ndarray]]:
    """A generated megapixel, validation images where there are any; their labels."""
    images = [make_fluorescence((1024, 1024))[0]]
    if FOLDER:
        dataset = PackedDataset(Path(FOLDER), subset="val")
        images += [dataset.load(image_id)[0] for image_id in dataset.ids[::4]]
    cpu = load_model("nuclei", "cpu", "pytorch")
    return [(image, segment(image, model=cpu).labels) for image in images]


@pytest.mark.parametrize("backend", ["pytorch", "cuda_graphs"])
@pytest.mark.parametrize(("half", "least"), [("0", 0.995), ("1", 0.99)])
def test_cpu_and_gpu_give_the_same_labels(
    expected: list[tuple[np.ndarray, np.ndarray]],
    backend: str,
    half: str,
    least: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(HALF_PRECISION, half)
    gpu = load_model("nuclei", "cuda", backend)
    matches = []
    for image, labels in expected:
        matches += match(labels, segment(image, model=gpu).labels, [0.9])
    pooled, per_image = average_precision(matches)
    print(f"{backend}, {HALF_PRECISION}={half}: {pooled:.4f}, {per_image:.4f}")
    assert min(pooled, per_image) >= least


def test_the_same_maps_give_the_same_labels_in_every_run() -> None:
    image = make_fluorescence((1024, 1024))[0]
    found = segment(image, model=load_model("nuclei", "cuda"))
    again = found.relabel(found.settings)
    np.testing.assert_array_equal(again.labels, found.labels)
    assert again.objects.equals(found.objects)
    cpu = load_model("nuclei", "cpu", "pytorch")
    here = replace(found, model=cpu).relabel(found.settings)
    np.testing.assert_array_equal(here.labels, found.labels)
    np.testing.assert_allclose(here.objects, found.objects, atol=SAME_MAPS)
