"""The network alone: one tile against a U-Net, and many at once on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_pmrnet._software import needs
from napari_pmrnet.benchmark.clock import Row, Turn, take_turns
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.errors import SoftwareError
from napari_pmrnet.models.backends.base import Device
from napari_pmrnet.models.backends.devices import channels_last
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation.plane import prepare

BATCHES = (1, 16, 64, 256)
UNET_FEATURES = (64, 128, 256, 512, 1024, 64)
UNET: dict[str, Any] = {
    "spatial_dims": 2,
    "in_channels": 3,
    "act": ("relu", {"inplace": True}),
    "norm": "batch",
    "bias": False,
    "upsample": "deconv",
}
"""Settings of MONAI's U-Nets."""


def against_unet(models: Sequence[Model], rounds: int) -> list[Row]:
    """Time `predict_tiles` of every backend and a U-Net of the same type, in turns.

    Parameters
    ----------
    models : sequence of Model
        One a backend.
    rounds : int
    """
    tile = prepare(make_fluorescence((256, 256))[0])[None]
    runs: dict[str, Callable[[], object]] = {
        f"PMRNet, {model.backend.name}": lambda m=model: m.predict_tiles(tile)
        for model in models
    }
    missing: list[Row] = []
    unets: dict[str, str] = {}
    try:
        for model in models:
            if model.backend.dtype not in unets:
                title, run = _unet(model.device, model.backend.dtype, tile)
                unets[model.backend.dtype], runs[title] = title, run
    except SoftwareError as error:
        missing.append(Row("U-Net", note=f"not measured: {error}"))
    turns = take_turns(runs, rounds)
    against = {
        f"PMRNet, {model.backend.name}": unets.get(model.backend.dtype)
        for model in models
    }
    rows = []
    for what, spent in turns.items():
        reference, note = against.get(what), ""
        if reference:
            faster = _median(turns[reference]) / _median(spent)
            note = f"{faster:.1f} times as fast as the U-Net"
        rows.append(Row.of(what, spent, note, threads=torch.get_num_threads()))
    return rows + missing


def reference_unet(out_channels: int = 1) -> nn.Module:
    """Build a U-Net of five levels, 64 to 1024 channels, with batch norm.

    Parameters
    ----------
    out_channels : int

    Returns
    -------
    Module
        (B, 3, H, W) -> logits (B, out_channels, H, W).

    Raises
    ------
    SoftwareError
        If MONAI, of which it is a part, is missing or cannot be loaded.
    """
    with needs("research", "The U-Net"):
        from monai.networks.nets.basic_unet import BasicUNet

    return BasicUNet(features=UNET_FEATURES, out_channels=out_channels, **UNET)


def _unet(
    device: Device, dtype: str, tile: np.ndarray
) -> tuple[str, Callable[[], object]]:
    """Title of the U-Net, and itself on one tile, to the result on the CPU."""
    kind = getattr(torch, dtype)
    network = channels_last(reference_unet().eval().to(kind), device)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    title = f"U-Net of {millions:.1f} million parameters, PyTorch ({dtype})"

    @torch.inference_mode()
    def run() -> np.ndarray:
        batch = torch.from_numpy(tile).to(
            device, kind, memory_format=torch.channels_last
        )
        return torch.sigmoid(network(batch)).float().cpu().numpy()

    return title, run


def _median(turns: Sequence[Turn]) -> float:
    return median(turn.wall for turn in turns)


def batches(model: Model, rounds: int) -> list[Row]:
    """Time tiles on a GPU, one at a time and many."""
    tile = prepare(make_fluorescence((256, 256))[0])[None]
    rows = []
    for count in BATCHES:
        batch = np.repeat(tile, count, axis=0)
        spent = take_turns({"": lambda b=batch: model.predict_tiles(b)}, rounds)[""]
        a_second = count / _median(spent)
        rows.append(Row.of(f"batch of {count}", spent, f"{a_second:.0f} a second"))
    return rows
