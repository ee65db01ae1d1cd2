"""Compare what instances can be made from, on the validation images.

One network carries the channels of every candidate. Its maps are predicted once an
image; each candidate then separates nuclei in its own way.

    python scripts/experiments/compare_representations.py nuclei.ckpt --data DIR

reads the checkpoint of a training run whose channels hold all candidates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.segmentation import watershed

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models.model import Model
from napari_pmrnet.research.networks import load_checkpoint
from napari_pmrnet.segmentation import Settings
from napari_pmrnet.segmentation.flow_labels import (
    SMALLEST_AREA,
    drop_small,
    label_nuclei,
)
from napari_pmrnet.segmentation.plane import prepare
from napari_pmrnet.segmentation.predict import predict, run_to_end, take_flows
from napari_pmrnet.segmentation.scale import choose_scale

Maps = dict[str, np.ndarray]
THRESHOLDS = (0.5, 0.75, 0.9)


def from_probability(maps: Maps, settings: Settings) -> np.ndarray:
    """Connected parts of the foreground: what the published network gives."""
    return label_nuclei(maps["probability"], None, settings)


def watershed_on(inner: np.ndarray, maps: Maps, settings: Settings) -> np.ndarray:
    """Plateaus of the inner distance as seeds, watershed on it.

    A piece of foreground without a seed is a nucleus of its own.
    """
    foreground = maps["probability"] > settings.probability_threshold
    pieces, _ = ndimage.label(foreground)
    seeds, count = ndimage.label(foreground & (inner > settings.seed_threshold))
    seeded = np.isin(pieces, pieces[seeds > 0])
    alone = foreground & ~seeded
    seeds[alone] = pieces[alone] + count
    labels = watershed(-inner, seeds, mask=foreground)
    return drop_small(labels, SMALLEST_AREA)


def from_distance(maps: Maps, settings: Settings) -> np.ndarray:
    """Watershed on the inner distance."""
    return watershed_on(maps["distance"], maps, settings)


def from_distance_and_border(maps: Maps, settings: Settings) -> np.ndarray:
    """Watershed on the inner distance, seeds cut by the border channel."""
    return watershed_on(maps["distance"] * (1 - maps["border"]), maps, settings)


def from_distance_and_gate(maps: Maps, settings: Settings) -> np.ndarray:
    """Watershed on the inner distance, seeds cut by the boundary gate."""
    return watershed_on(maps["distance"] * (1 - maps["boundary"]), maps, settings)


def from_border(maps: Maps, settings: Settings) -> np.ndarray:
    """Foreground less border as seeds, watershed on the border."""
    foreground = maps["probability"] > settings.probability_threshold
    inner = foreground & (maps["border"] < settings.seed_threshold)
    seeds, _ = ndimage.label(inner)
    labels = watershed(maps["border"], seeds, mask=foreground)
    return drop_small(labels, SMALLEST_AREA)


def from_flows(maps: Maps, settings: Settings) -> np.ndarray:
    """Pixels follow the flows; those that meet are one nucleus."""
    return label_nuclei(maps["probability"], take_flows(dict(maps)), settings)


def from_flows_step_by_step(
    maps: Maps, settings: Settings, steps: int = 100
) -> np.ndarray:
    """The same, every pixel walking all of its way in steps of half a pixel."""
    foreground = maps["probability"] > settings.probability_threshold
    start = np.array(np.nonzero(foreground), np.float32)
    flow = np.stack([maps["flow_y"], maps["flow_x"]]) * foreground
    place, limit = start.copy(), np.array(foreground.shape)[:, None] - 1
    for _ in range(steps):
        nearest = np.round(place).astype(int)
        place = np.clip(place + 0.5 * flow[:, nearest[0], nearest[1]], 0, limit)
    end = np.round(place).astype(int)
    sink_density = np.zeros(foreground.shape, np.float32)
    np.add.at(sink_density, tuple(end), 1)
    sinks = ndimage.gaussian_filter(sink_density, 1) > 10 * settings.seed_threshold
    seeds, _ = ndimage.label(ndimage.binary_dilation(sinks))
    labels = np.zeros(foreground.shape, np.int32)
    labels[foreground] = seeds[end[0], end[1]]
    return drop_small(labels, SMALLEST_AREA)


CANDIDATES: dict[str, Callable[[Maps, Settings], np.ndarray]] = {
    "foreground only": from_probability,
    "border": from_border,
    "distance": from_distance,
    "distance + border": from_distance_and_border,
    "distance + gate": from_distance_and_gate,
    "flows": from_flows,
    "flows, step by step": from_flows_step_by_step,
}


def predictions(model: Model, dataset: PackedDataset) -> Iterator[tuple]:
    """Maps and true labels of every image."""
    for image_id, image, truth in dataset:
        planes = prepare(image)
        scale = run_to_end(choose_scale(model, planes, None)).scale
        yield image_id, run_to_end(predict(model, planes, scale=scale)).maps, truth


def compare(cases: list[tuple], grid: list[Settings]) -> pd.DataFrame:
    """AP and time of every candidate at every setting."""
    rows = []
    megapixels = sum(truth.size for *_, truth in cases) / 1e6
    for name, separate in CANDIDATES.items():
        for settings in grid:
            started = time.perf_counter()
            labels = [separate(maps, settings) for _, maps, _ in cases]
            seconds = time.perf_counter() - started
            matches = [
                match(truth, found, THRESHOLDS)
                for (*_, truth), found in zip(cases, labels, strict=True)
            ]
            row = {
                "candidate": name,
                "probability": settings.probability_threshold,
                "seed": settings.seed_threshold,
                "ms a megapixel": 1000 * seconds / megapixels,
            }
            for index, threshold in enumerate(THRESHOLDS):
                pooled, mean = average_precision(m[index] for m in matches)
                row |= {f"AP{threshold} pooled": pooled, f"AP{threshold} mean": mean}
            rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Print the best setting of every candidate, and write all of them if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    cases = list(predictions(load_checkpoint(arguments.checkpoint), dataset))
    grid = [
        Settings(probability_threshold=p, seed_threshold=s)
        for p in (0.5, 0.6, 0.7)
        for s in (0.5, 0.6, 0.7, 0.8)
    ]
    table = compare(cases, grid)
    if arguments.output:
        table.round(4).to_csv(arguments.output, index=False)
    score = table[["AP0.5 pooled", "AP0.75 pooled"]].mean(axis=1)
    best = table.loc[score.groupby(table["candidate"]).idxmax()]
    print(best.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
