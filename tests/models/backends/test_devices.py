"""Half precision keeps the labels of real images."""

import os
from pathlib import Path

import pytest
import torch

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose
from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.backends.devices import has_fast_bfloat16
from napari_pmrnet.segmentation import Settings, segment

FOLDER = os.environ.get("PMRNET_DSB18")

bfloat16 = pytest.param(
    "openvino",
    torch.bfloat16,
    1,
    marks=pytest.mark.skipif(
        not has_openvino() or not has_fast_bfloat16("cpu"),
        reason="needs OpenVINO and a processor with instructions for bfloat16",
    ),
    id="bfloat16 in OpenVINO",
)
# What a GPU computes in; on a processor it takes half a minute an image.
float16 = pytest.param("pytorch", torch.float16, 10, id="float16 in PyTorch")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not FOLDER, reason="PMRNET_DSB18 names no folder")
@pytest.mark.parametrize(("backend", "dtype", "every"), [bfloat16, float16])
def test_labels_are_those_of_float32(
    backend: str, dtype: torch.dtype, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = PackedDataset(Path(FOLDER), subset="val")
    monkeypatch.setattr(choose, "fast_dtype", lambda *_: torch.float32)
    exact = load_model("dsb18", "cpu", backend)
    assert exact.backend.dtype == torch.float32
    monkeypatch.setattr(choose, "fast_dtype", lambda *_: dtype)
    half = load_model("dsb18", "cpu", backend)
    assert half.backend.dtype == dtype
    matches = []
    for image_id in dataset.ids[::every]:
        image, _ = dataset.load(image_id)
        expected = segment(image, Settings.for_card(exact.card), exact)
        settings = Settings.for_card(half.card, diameter=expected.diameter)
        actual = segment(image, settings, half)
        matches += match(expected.labels, actual.labels, [0.9])
    pooled, per_image = average_precision(matches)
    print(
        f"{backend}, {dtype}: AP at 0.9 {pooled:.4f} pooled, {per_image:.4f} an image"
    )
    assert pooled >= 0.99 and per_image >= 0.99
