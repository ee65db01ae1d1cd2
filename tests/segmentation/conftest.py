"""A network that reads its maps off the image, and images that show them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.models import Model
from napari_pmrnet.models.card import new_card
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.network.pmrnet import Gates
from napari_pmrnet.segmentation import blocks, diameter_estimate
from napari_pmrnet.segmentation.diameter import LARGE, SMALL
from napari_pmrnet.segmentation.diameter_estimate import DiameterEstimate
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.settings import Settings

PLAIN = Settings(diameter=20, probability_threshold=0.5, seed_threshold=0.3, min_area=1)
"""Thresholds at which labels are the drawn discs."""
NAMES = ("probability", "flow_y", "flow_x", "boundary", "pgrf")


class Reader:
    """Takes the colours of an image for probability and flows; knows no margin."""

    tile, overlap, batch_size, at_once = 32, 16, 2, 1
    runs_on = "cpu"
    device = SimpleNamespace(type="cpu")

    def __init__(self) -> None:
        self.card = new_card(("probability",), window=32, sha256="f00d" * 16)
        self.tiles = 0

    def map_names(self, extra: bool = False) -> tuple[str, ...]:
        return NAMES

    def predict_tiles(
        self, tiles: np.ndarray, extra: bool, size: tuple[int, int], flips: bool
    ) -> np.ndarray:
        self.tiles += len(tiles)
        probability, *flows = np.moveaxis(tiles, 1, 0)
        maps = [probability, *(2 * flow - 1 for flow in flows)]
        return np.stack([*maps, 0 * probability, probability], axis=1)


@pytest.fixture
def reader() -> Reader:
    return Reader()


def drawn(truth: np.ndarray) -> np.ndarray:
    """The colours in which `Reader` sees these labels, uint8 (H, W, 3)."""
    image = np.full((*truth.shape, 3), 128, np.uint8)
    image[..., 0] = np.where(truth > 0, 255, 0)
    for label in range(1, truth.max() + 1):
        pixels = np.argwhere(truth == label)
        way = pixels.mean(axis=0) - pixels
        length = np.maximum(np.hypot(*way.T), 1)[:, None]
        image[(*pixels.T, slice(1, 3))] = np.round(127.5 + 127.5 * way / length)
    return image


def discs(shape: tuple[int, int], seed: int, radii: tuple[int, int]) -> np.ndarray:
    """Discs that do not overlap, as many as fit in after some tries."""
    random, truth = np.random.default_rng(seed), np.zeros(shape, np.int32)
    y, x = np.indices(shape)
    for _ in range(60):
        radius = random.integers(*radii)
        cy, cx = random.integers(0, shape[0]), random.integers(0, shape[1])
        near = (y - cy) ** 2 + (x - cx) ** 2
        if not truth[near < (radius + 2) ** 2].any():
            truth[near < radius**2] = truth.max() + 1
    return truth


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two label images differ in their numbers only."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    zeros = ((pairs[0] == 0) == (pairs[1] == 0)).all()
    return bool(zeros) and all(len(np.unique(p)) == pairs.shape[1] for p in pairs)


@st.composite
def label_images(draw) -> tuple[np.ndarray, np.random.Generator]:
    """Blobs of any number and size, from one pixel to all of a small image."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0, 3))
    blobs = noise > np.quantile(noise, draw(st.floats(0, 1)))
    return ndimage.label(blobs)[0].astype(np.int32), rng


class Stored(NamedTuple):
    """Labels on disk, and the table of their nuclei."""

    labels: Path
    table: Path
    objects: pd.DataFrame


def labelling(
    plane: Plane, output: Path, settings: Settings, model: Any, **keywords: Any
) -> Generator[Progress, None, Stored]:
    """Segment a plane block by block, however small it is."""
    store = LabelStore(output, **keywords)
    provenance = Provenance(settings.as_dict(), model.card.sha256)
    with store:
        store.create(plane.shape, provenance)
        found = yield from store.label(plane, (), settings, model)
        store.finish(found.objects)
    return Stored(store.output, store.table, found.objects)


def labelled(*arguments: Any, **keywords: Any) -> Stored:
    """Run `labelling` to its end."""
    return run_to_end(labelling(*arguments, **keywords))


def run(image: Any, folder: Path, model: Any, **keywords: Any) -> np.ndarray:
    """Labels of an image seen as it is, with colours from 0 to 255."""
    result = result_of(image, folder, model, **keywords)
    return open_label_zarr(result.labels, "r")[...]


def result_of(
    image: Any, folder: Path, model: Any, wanted: Settings = PLAIN, **keywords: Any
) -> Stored:
    """What a store makes of an image seen as it is."""
    plane = image if isinstance(image, Plane) else Plane([image])
    plane.limits = 0.0, 255.0
    return labelled(plane, folder / "out.zarr", wanted, model, **keywords)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Margins that discs of the tests just fit into."""
    monkeypatch.setattr(blocks, "MARGIN", 32)


class Echo(nn.Module):
    """A network whose probability is the first plane of what it sees."""

    def forward(self, images: torch.Tensor, maps: bool = False) -> PMRNetOutput:
        plane = images[:, :1].clamp(1e-4, 1 - 1e-4)
        logits = torch.cat([torch.logit(plane), 0 * plane, 0 * plane], dim=1)
        return PMRNetOutput(logits, plane, Gates(plane, plane, plane, plane))


@pytest.fixture(scope="session")
def sized(model: Model) -> Model:
    """The untrained network with a card that knows the size of nuclei."""
    return replace(model, card=model.card.updated(working_diameters=[SMALL, LARGE]))


@pytest.fixture(scope="session")
def echo(sized: Model) -> Model:
    return replace(sized, weights=Echo())


def looks(monkeypatch: pytest.MonkeyPatch, told: dict) -> list[float]:
    """Let looks see what is told by scale; the scales that are asked for."""
    asked: list[float] = []

    def look(model: Model, part: np.ndarray, scale: float) -> DiameterEstimate:
        asked.append(scale)
        return DiameterEstimate(scale, *told.get(scale, (0.0, None)))

    monkeypatch.setattr(diameter_estimate, "estimate_at", look)
    return asked
