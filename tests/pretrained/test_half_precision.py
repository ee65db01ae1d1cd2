"""Half precision keeps the labels of real images."""

import os
from pathlib import Path

import pytest
import torch

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.pretrained import backends, load_model
from napari_pmrnet.segmentation import Settings, segment

FOLDER = os.environ.get("PMRNET_DSB18")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not FOLDER, reason="PMRNET_DSB18 names no folder")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_labels_are_those_of_float32(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = PackedDataset(Path(FOLDER), subset="val")
    monkeypatch.setattr(backends, "fast_dtype", lambda _: torch.float32)
    exact = load_model("dsb18", "cpu", "pytorch")
    assert exact.backend.name == "PyTorch"
    monkeypatch.setattr(backends, "fast_dtype", lambda _: dtype)
    half = load_model("dsb18", "cpu", "pytorch")
    matches = []
    for image_id in dataset.ids[::10]:
        image, _ = dataset.load(image_id)
        expected = segment(image, Settings.for_card(exact.card), exact)
        settings = Settings.for_card(half.card, diameter=expected.diameter)
        actual = segment(image, settings, half)
        matches += match(expected.labels, actual.labels, [0.9])
    pooled, per_image = average_precision(matches)
    assert pooled >= 0.99 and per_image >= 0.99
