"""Worth of the choice of scale: AP as images are, by the estimate, and by truth.

python scripts/experiments/compare_scales.py nuclei --data DIR

Every image of a subset is also enlarged and shrunk with its truth. The estimated
diameter is compared with the true median diameter.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from lib.robustness import rescaled

from napari_pmrnet import Settings, segment
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models import Model, load_model
from napari_pmrnet.segmentation.diameter import LARGE, typical_diameter

FACTORS = (0.5, 1.0, 2.0, 3.0)
THRESHOLDS = (0.5, 0.75)


def diameters(truth: np.ndarray) -> dict[str, float | None]:
    """Diameters that the network is told, by name of the way."""
    ways: dict[str, float | None] = {"as they are": LARGE, "estimated": None}
    true = typical_diameter(truth)
    return ways if true is None else ways | {"true diameter": max(true, 2.0)}


def compare(model: Model, dataset: PackedDataset, factor: float) -> dict[str, float]:
    """AP of every way on images changed in size, and how good the estimate is."""
    matches, octaves, seconds = defaultdict(list), [], defaultdict(list)
    for _, image, truth in dataset:
        if factor != 1:
            image, truth = rescaled(factor)(image, truth, None)
        for way, diameter in diameters(truth).items():
            settings = Settings.for_card(model.card, diameter=diameter)
            result = segment(image, settings, model)
            matches[way].append(match(truth, result.labels, THRESHOLDS))
            seconds[way].append(result.seconds)
            true = typical_diameter(truth)
            if diameter is None and true is not None and result.diameter is not None:
                octaves.append(abs(np.log2(result.diameter / true)))
    row = {"size": factor}
    for way, found in matches.items():
        for threshold, column in zip(THRESHOLDS, zip(*found, strict=True), strict=True):
            row[f"AP{threshold} {way}"] = average_precision(column)[1]
        row[f"s {way}"] = float(np.mean(seconds[way]))
    off = np.array(octaves)
    return row | {
        "median error, octaves": float(np.median(off)),
        "off by half an octave": int((off > 0.5).sum()),
        "off by an octave": int((off > 1).sum()),
    }


def main() -> None:
    """Print one row a change of size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS)
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model = load_model(arguments.weights, "cpu")
    rows = [compare(model, dataset, factor) for factor in arguments.factors]
    print(pd.DataFrame(rows).set_index("size").T.round(3).to_string())


if __name__ == "__main__":
    main()
