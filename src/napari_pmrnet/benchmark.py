"""Speed of this machine: against a U-Net, from image to labels, and at a slider.

Candidates take turns (A B A B), so that a machine that slows down slows them all.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from napari_pmrnet._software import needs
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.errors import PMRNetError, SoftwareError
from napari_pmrnet.models.backends.devices import channels_last
from napari_pmrnet.models.model import Model, load_model
from napari_pmrnet.segmentation.plane import prepare
from napari_pmrnet.segmentation.segment import Segmentation, segment
from napari_pmrnet.settings import Settings

MEGAPIXEL = (1024, 1024)
BATCHES = (1, 16, 64)
TITLES = {
    "pytorch": "PyTorch",
    "openvino": "OpenVINO",
    "cuda_graphs": "CUDA graphs",
}
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
PACKAGES = ("napari-pmrnet", "torch", "openvino", "numpy", "scipy")


class Row(NamedTuple):
    """One line of a table: seconds, or why there are none."""

    what: str
    median: float | None = None
    fastest: float | None = None
    note: str = ""


class Report(NamedTuple):
    """Conditions, and tables of rows by title."""

    conditions: dict[str, str]
    tables: dict[str, list[Row]]


@dataclass(frozen=True)
class TimedModel(Model):
    """A model that keeps the seconds that every call was waited for in ``spent``."""

    spent: list[float] = field(default_factory=list)

    def predict_tiles(self, *args: Any, **options: Any) -> np.ndarray:
        return self._timed(partial(super().predict_tiles, *args, **options))

    def begin(self, *args: Any, **options: Any) -> Callable[[], np.ndarray]:
        return partial(self._timed, super().begin(*args, **options))

    def _timed(self, answer: Callable[[], np.ndarray]) -> np.ndarray:
        """Maps, once they are there."""
        started = time.perf_counter()
        maps = answer()
        self.spent.append(time.perf_counter() - started)
        return maps


def take_turns(
    candidates: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of every candidate in every round, after one round that does not count.

    Parameters
    ----------
    candidates : mapping
        What to run, by name.
    rounds : int
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for counts in (False, *[True] * rounds):
        for name, run in candidates.items():
            started = time.perf_counter()
            run()
            if counts:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def run_benchmark(
    name: str | Path = "dsb18",
    device: str = "auto",
    rounds: int = 7,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure what the tables of docs/performance.md hold.

    Parameters
    ----------
    name : str or Path
        Weights, as for `load_model`.
    device : str
    rounds : int
        Turns that every candidate takes.
    say : callable
        Told what is measured next.
    """
    models, rows = _usable(name, device)
    fastest = models[-1]
    say("windows of 256 x 256 against a U-Net")
    tiles = {"Windows of 256 x 256": [*_tiles(models, rounds), *rows]}
    if fastest.device.type != "cpu":
        say("batches of windows")
        tiles["Windows a second"] = _batches(fastest, rounds)
    say("1 megapixel, image to labels")
    whole, segmentation = _whole_way(fastest, max(1, rounds // 2))
    say("thresholds")
    slider = _slider(segmentation, rounds)
    tables = tiles | {
        "1 megapixel, image to labels": whole,
        "1 megapixel, other thresholds": slider,
    }
    return Report(_conditions(fastest, rounds), tables)


def _usable(name: str | Path, device: str) -> tuple[list[Model], list[Row]]:
    """A model for every backend that runs here, fastest last; rows on the others."""
    models, missing = [], []
    for backend, title in TITLES.items():
        model = load_model(name, device, backend)
        try:
            _ = model.backend
            models.append(model)
        except PMRNetError as error:
            missing.append(Row(f"PMRNet, {title}", note=f"not measured: {error}"))
    return models, missing


def _tiles(models: list[Model], rounds: int) -> list[Row]:
    """`predict_tiles` of every backend and a U-Net of the same type, in turns."""
    tile = prepare(make_fluorescence((256, 256))[0])[None]
    runs: dict[str, Callable[[], object]] = {
        f"PMRNet, {model.backend.name}": lambda m=model: m.predict_tiles(tile)
        for model in models
    }
    against, missing = {}, []
    for model in models:
        unet = f"U-Net, PyTorch ({_short(model.backend.dtype)})"
        known = unet in against.values()
        against[f"PMRNet, {model.backend.name}"] = unet
        if known:
            continue
        try:
            runs[unet] = _unet(model.device, model.backend.dtype, tile)
        except SoftwareError as error:
            missing.append(Row(unet, note=f"not measured: {error}"))
    seconds = take_turns(runs, rounds)
    rows = []
    for what, spent in seconds.items():
        reference, note = seconds.get(against.get(what, "")), ""
        if reference:
            note = f"{median(reference) / median(spent):.1f} times as fast as the U-Net"
        rows.append(Row(what, median(spent), min(spent), note))
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
    device: torch.device, dtype: torch.dtype, tile: np.ndarray
) -> Callable[[], object]:
    """A U-Net of 31 million parameters on one window, to the result on the CPU."""
    network = channels_last(reference_unet().eval().to(dtype), device)

    @torch.inference_mode()
    def run() -> np.ndarray:
        batch = torch.from_numpy(tile).to(
            device, dtype, memory_format=torch.channels_last
        )
        return torch.sigmoid(network(batch)).float().cpu().numpy()

    return run


def _batches(model: Model, rounds: int) -> list[Row]:
    """Windows a second on a GPU, one at a time and many."""
    tile = prepare(make_fluorescence((256, 256))[0])[None]
    rows = []
    for count in BATCHES:
        batch = np.repeat(tile, count, axis=0)
        spent = take_turns({"": lambda b=batch: model.predict_tiles(b)}, rounds)[""]
        note = f"{count / median(spent):.0f} windows a second"
        rows.append(Row(f"batch of {count}", median(spent), min(spent), note))
    return rows


def _whole_way(model: Model, rounds: int) -> tuple[list[Row], Segmentation]:
    """`segment` on a generated image, the network and all the rest apart."""
    image, _ = make_fluorescence(MEGAPIXEL)
    timed = TimedModel(
        model.name, model.card, model.network, model.device, model.wanted_backend
    )
    settings = Settings.for_card(model.card)
    segmentation = segment(image, settings, timed)
    whole, network, tiles = [], [], 0
    for _ in range(rounds):
        timed.spent.clear()
        whole.append(segment(image, settings, timed).seconds)
        network.append(sum(timed.spent))
        tiles = len(timed.spent)
    rest = [w - n for w, n in zip(whole, network, strict=True)]
    nuclei = f"{len(segmentation.objects)} nuclei, {model.backend.name}"
    return [
        Row("whole way", median(whole), min(whole), nuclei),
        Row("network", median(network), min(network), f"{tiles} calls"),
        Row("all the rest", median(rest), min(rest)),
    ], segmentation


def _slider(segmentation: Segmentation, rounds: int) -> list[Row]:
    """Labels and table of nuclei for other thresholds."""
    settings = segmentation.settings
    low = replace(settings, probability_threshold=settings.probability_threshold - 0.05)
    spent = take_turns({"": lambda: segmentation.relabel(low)}, rounds)[""]
    return [Row("whole image", median(spent), min(spent))]


def _conditions(model: Model, rounds: int) -> dict[str, str]:
    """Facts that a figure depends on."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    gpu = (
        {"GPU": torch.cuda.get_device_name(model.device)}
        if model.device.type == "cuda"
        else {}
    )
    return {
        "date": f"{date.today():%Y-%m-%d}",
        "processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}",
        **gpu,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "load at the end": load,
        "system": f"{platform.system()} {platform.machine()}",
        "backend": model.runs_on,
        "type": _short(model.backend.dtype),
        "versions": ", ".join(_versions()),
        "weights": f"{model.name} {model.card.sha256[:12]}",
        "rounds": str(rounds),
    }


def _processor() -> str:
    """Name of the processor, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _versions() -> Iterator[str]:
    """Name and version of every package that matters and is there."""
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} not installed"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def as_markdown(report: Report) -> str:
    """The report as Markdown: conditions, then tables in milliseconds."""
    lines = [f"- {name}: {value}" for name, value in report.conditions.items()]
    for title, rows in report.tables.items():
        lines += ["", f"| {title} | median, ms | fastest, ms | |"]
        lines.append("| --- | --- | --- | --- |")
        for row in rows:
            times = (row.median, row.fastest)
            shown = ("" if t is None else f"{1000 * t:.0f}" for t in times)
            lines.append(f"| {row.what} | {' | '.join(shown)} | {row.note} |")
    return "\n".join(lines) + "\n"
