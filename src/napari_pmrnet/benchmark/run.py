"""All that the benchmark measures: the network, an image, files, and other programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from napari_pmrnet.benchmark.clock import Report, Row, Turn, take_turns, threads
from napari_pmrnet.benchmark.files import command_line, folder_of_images
from napari_pmrnet.benchmark.parts import against_cpu, parts
from napari_pmrnet.benchmark.peers.base import Peer, build
from napari_pmrnet.benchmark.report import conditions
from napari_pmrnet.benchmark.tiles import against_unet, batches
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models.model import Model, load_model
from napari_pmrnet.segmentation.segment import Segmentation, segment
from napari_pmrnet.settings import Settings

MEGAPIXEL = (1024, 1024)
TITLES = {
    "pytorch": "PyTorch",
    "openvino": "OpenVINO",
    "cuda_graphs": "CUDA graphs",
}


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


def run_benchmark(
    name: str | Path = Settings.model,
    device: str = "auto",
    rounds: int = 7,
    say: Callable[[str], None] = lambda _: None,
    peers: Sequence[Peer] = (),
) -> Report:
    """Measure what the tables of docs/performance.md hold.

    Parameters
    ----------
    name : str or Path
        Weights, as for `load_model`.
    device : str
    rounds : int
        Turns that every candidate takes; half as many where a turn takes seconds.
    say : callable
        Told what is measured next.
    peers : tuple of Peer
        Programs that take turns with ours on the same image.
    """
    models, rows = _usable(name, device)
    fastest = models[-1]
    few = max(1, rounds // 2)
    say("tiles of 256 x 256 against a U-Net")
    tables = {"Tile of 256 x 256": [*against_unet(models, rounds), *rows]}
    if fastest.device.type != "cpu":
        say("batches of tiles")
        tables["Tiles of 256 x 256 at once"] = batches(fastest, rounds)
    say("1 megapixel, image to labels")
    image, truth = make_fluorescence(MEGAPIXEL)
    whole, segmentation = _whole_way(fastest, few, peers, image, truth)
    tables["1 megapixel, image to labels"] = whole
    say("its steps")
    tables["1 megapixel, each step once"] = parts(fastest, image, segmentation, few)
    if fastest.device.type != "cpu":
        say("the same on the CPU")
        tables["1 megapixel on the CPU"] = against_cpu(name, image, segmentation)
    say("thresholds")
    tables["1 megapixel, other thresholds"] = _slider(segmentation, rounds)
    say("files")
    tables["Files"] = [folder_of_images(fastest, few), command_line(name, device, few)]
    packages = tuple(dict.fromkeys(p for peer in peers for p in peer.packages))
    return Report(conditions(fastest, rounds, packages), tables)


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


class _Whole:
    """`segment` on an image with so many threads; seconds of the network by turn."""

    def __init__(self, model: Model, image: np.ndarray, count: int) -> None:
        self.network: list[float] = []
        self.result: Segmentation
        self.calls, self._image, self._count = 0, image, count
        self._settings = Settings.for_card(model.card)
        self._model = TimedModel(
            model.name, model.card, model.weights, model.device, model.wanted_backend
        )

    def run(self) -> None:
        """Segment the image."""
        spent = self._model.spent
        spent.clear()
        with threads(self._count):
            self.result = segment(self._image, self._settings, self._model)
        self.network.append(sum(spent))
        self.calls = len(spent)


def _whole_way(
    model: Model,
    rounds: int,
    peers: Sequence[Peer],
    image: np.ndarray,
    truth: np.ndarray,
) -> tuple[list[Row], Segmentation]:
    """An image, to labels: ours on all threads and on one, and the peers."""
    most = torch.get_num_threads()
    ours = {count: _Whole(model, image, count) for count in dict.fromkeys((most, 1))}
    built, missing = build(peers, image, truth)
    candidates: dict[str, Callable[[], object]] = {}
    candidates.update((_title(model, count), one.run) for count, one in ours.items())
    candidates.update((name, one.run) for name, one in built.items())
    on_gpu = model.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(model.device)
    turns = take_turns(candidates, rounds)
    base = median(turn.wall for turn in turns[_title(model, most)])
    whole = ours[most].result
    rows = []
    for count, one in ours.items():
        network = median(one.network[-rounds:])
        note = f"network {network:.3g} s in {one.calls} calls"
        title = _title(model, count)
        rows.append(_row(title, turns[title], base, count, note))
    rows[0] = _with(rows[0], f"{len(whole.objects)} nuclei")
    if on_gpu:
        peak = torch.cuda.max_memory_reserved(model.device) / 2**30
        rows[0] = _with(rows[0], f"{peak:.1f} GiB of the GPU's memory at most")
    for name, one in built.items():
        note = f"network {median(one.network[-rounds:]):.3g} s; {one.note}"
        rows.append(_row(name, turns[name], base, most, note))
    return rows + missing, whole


def _title(model: Model, count: int) -> str:
    return f"PMRNet, {model.backend.name}, {count} thread{'s'[: count > 1]}"


def _row(what: str, turns: list[Turn], base: float, count: int, note: str) -> Row:
    """Row of a candidate with its time over ours."""
    times = median(turn.wall for turn in turns) / base
    return Row.of(what, turns, note, times=times, threads=count)


def _with(row: Row, note: str) -> Row:
    """The row with more in its note."""
    return row._replace(note=f"{row.note}; {note}")


def _slider(segmentation: Segmentation, rounds: int) -> list[Row]:
    """Labels and table of nuclei for other thresholds."""
    settings = segmentation.settings
    low = replace(settings, probability_threshold=settings.probability_threshold - 0.05)
    turns = take_turns({"": lambda: segmentation.relabel(low)}, rounds)[""]
    return [Row.of("whole image", turns)]
