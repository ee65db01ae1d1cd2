"""The network is timed beside a U-Net whose size is named."""

from pathlib import Path

import pytest

from napari_pmrnet.benchmark.tiles import against_unet
from napari_pmrnet.models import load_model


def test_the_unet_is_named_by_its_parameters(weights: Path) -> None:
    pytest.importorskip("monai")
    ours, unet = against_unet([load_model(weights, "cpu", "pytorch")], 1)
    assert ours.note == (f"{unet.median / ours.median:.1f} times as fast as the U-Net")
    assert unet.what == "U-Net of 31.1 million parameters, PyTorch (float32)"
    assert ours.threads == unet.threads > 0
