"""How well the diameter of nuclei is estimated, and how much is looked at for it.

    python scripts/experiments/compare_looks.py nuclei --data DIR

Images of a subset as they are, with bright spots within nuclei (chromocentres) and with
bright debris outside them, each enlarged and shrunk. The estimate is compared with the
true median diameter.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from lib.robustness import rescaled
from scipy.ndimage import gaussian_filter

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.models import Model, load_model
from napari_pmrnet.segmentation import diameter_estimate
from napari_pmrnet.segmentation.diameter import typical_diameter
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.scale import choose_scale

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.5)
FACTORS_OF_MADE = (1.0, 4.0)
LARGEST = 2600
SMALLEST_DIAMETER = 6
OFF = 1.5


def with_dots(
    image: np.ndarray, truth: np.ndarray, diameter: float, inside: bool
) -> np.ndarray:
    """Bright dots within nuclei, eight in each, or fewer and brighter ones outside."""
    rng = np.random.default_rng(1)
    where = np.argwhere((truth > 0) == inside)
    count = 8 * truth.max() if inside else max(5, truth.max() // 3)
    dots = np.zeros(truth.shape, np.float32)
    for y, x in where[rng.integers(len(where), size=int(count))]:
        dots[y, x] = 1
    sigma = diameter / (14 if inside else 10)
    dots = gaussian_filter(dots, sigma) * 2 * np.pi * sigma**2
    seen = image.astype(np.float32)
    top = np.percentile(seen, 99) - np.percentile(seen, 20)
    dots = dots.reshape(truth.shape + (1,) * (seen.ndim - 2))
    seen = seen + dots * top * (1.2 if inside else 3.0)
    return np.round(255 * seen / seen.max()).astype(np.uint8)


def variants(
    image: np.ndarray, truth: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Kind, image and truth of all that is looked at."""
    true = typical_diameter(truth) or 1.0
    kinds = {"as they are": (image, FACTORS)}
    if (truth == 0).any():
        for kind, inside in (("spots in nuclei", True), ("debris", False)):
            kinds[kind] = with_dots(image, truth, true, inside), FACTORS_OF_MADE
    for kind, (pixels, factors) in kinds.items():
        for factor in factors:
            side = round(LARGEST / factor)
            part, labels = pixels[:side, :side], truth[:side, :side]
            if factor != 1:
                part, labels = rescaled(factor)(part, labels, None)
            yield kind, part, labels


class Counted:
    """Counts the pixels, as the network sees them, that looks take."""

    def __init__(self) -> None:
        self.pixels = 0.0
        self._look = diameter_estimate.estimate_at
        diameter_estimate.estimate_at = self

    def __call__(self, model: Model, part: np.ndarray, scale: float):
        self.pixels += part[0].size * scale**2
        return self._look(model, part, scale)


def main() -> None:
    """Print a row for each kind of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    parser.add_argument("--every", type=int, default=1, help="take each n-th image")
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model, counted, rows = load_model(arguments.weights, "cpu"), Counted(), []
    for image_id in dataset.ids[:: arguments.every]:
        image, truth = dataset.load(image_id)
        if not truth.any():
            continue
        for kind, part, labels in variants(image, truth):
            true = typical_diameter(labels)
            if true is None or true < SMALLEST_DIAMETER:
                continue
            before = counted.pixels
            plane = Plane([part], rgb=part.ndim == 3, name=image_id)
            found = run_to_end(choose_scale(model, plane, None))
            error = abs(np.log((found.diameter or 1.0) / true))
            rows.append(
                {
                    "kind": kind,
                    "images": 1,
                    f"off by {OFF}": error > np.log(OFF),
                    "told of another": found.other is not None,
                    "log error": error,
                    "megapixels": (counted.pixels - before) / 1e6,
                }
            )
    table = pd.DataFrame(rows).groupby("kind")
    summed = table.sum()
    summed["log error"] = table["log error"].mean()
    print(summed.round(3).to_string())


if __name__ == "__main__":
    main()
