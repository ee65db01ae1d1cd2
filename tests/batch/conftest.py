"""A quick stand-in for the network, and images for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from plates import write_plate
from scipy import ndimage

from napari_pmrnet.batch import BatchJob, batch_steps
from napari_pmrnet.batch.events import BatchReport, FileEnded
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.segmentation import Settings, segment_stack
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress

WINDOWS = 3
CARD = read_card(find_weights("nuclei"))
HASH = CARD.sha256


class FakeCore:
    """Segments by a threshold; counts what it is asked."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error: Exception | None = None
        self.seconds = 0.0

    def segment_steps(
        self, plane: Plane, settings: Settings, model: Any
    ) -> Iterator[Progress]:
        self.names.append(plane.name)
        pixels = plane.prepared()[0]
        for step in range(WINDOWS):
            yield Progress(step + 1, WINDOWS, "window")
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        labels, count = ndimage.label(pixels > settings.probability_threshold)
        index = np.arange(1, count + 1)
        certainty = ndimage.mean(pixels, labels, index) if count else np.zeros(0)
        centres = ndimage.center_of_mass(labels > 0, labels, index)
        objects = pd.DataFrame({"label": index, "certainty": certainty}).assign(
            area=np.bincount(labels.ravel())[1:],
            centroid_y=[y for y, _ in centres],
            centroid_x=[x for _, x in centres],
        )
        return SimpleNamespace(
            labels=labels, objects=objects, notes=(), device="cpu", diameter=None
        )


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> FakeCore:
    """Replace the network."""
    fake = FakeCore()
    monkeypatch.setattr(segment_stack, "segment_steps", fake.segment_steps)
    monkeypatch.setattr(
        "napari_pmrnet.models.load_model",
        lambda *_: SimpleNamespace(card=CARD, device="cpu", runs_on="cpu"),
    )
    return fake


def blobs(count: int = 3) -> np.ndarray:
    """As many bright squares, on 40 x 60 pixels."""
    image = np.zeros((40, 60), np.uint8)
    for i in range(count):
        image[5:15, 3 + 12 * i : 12 + 12 * i] = 250 - i
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of images a, b, c and d with 1 to 4 nuclei."""
    place = tmp_path / "images"
    place.mkdir()
    for number, name in enumerate("abcd", start=1):
        Image.fromarray(blobs(number)).save(place / f"{name}.png")
    return place


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """An OME-Zarr plate of three fields with 1 to 3 nuclei, in a folder of its own."""
    pytest.importorskip("yaozarrs")
    pytest.importorskip("zarr")
    place = tmp_path / "in" / "p.ome.zarr"
    place.parent.mkdir()
    return write_plate(place, pixels=lambda number: blobs(1 + number))


@pytest.fixture
def run(core: FakeCore, tmp_path: Path) -> Callable[..., tuple[BatchReport, dict]]:
    """Run a batch into ``out``; its report, and status by file name."""

    def run_(*inputs: Path | str, stop: Any = None, output: str = "out", **options):
        job = BatchJob(tuple(map(str, inputs)), tmp_path / output, **options)
        steps = batch_steps(job, stop=stop or (lambda: False))
        statuses = {}
        while True:
            try:
                event = next(steps)
            except StopIteration as ended:
                return ended.value, statuses
            if isinstance(event, FileEnded):
                statuses[event.path.name] = event.status

    return run_


def left_over(folder: Path) -> list[Path]:
    """Temporary files, of which none may stay."""
    return [path for path in folder.rglob("*") if path.suffix == ".tmp"]
