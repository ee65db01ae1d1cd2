r"""Compare Gaussians that noisy images are smoothed by, on the validation images.

    python scripts/experiments/compare_smoothing.py --data DIR --photons 30 100 \
        --sigmas 0 1 1.5 2

Every image gets the noise of so many photons, and every sigma whatever its noise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from lib.robustness import photon_noise

from napari_pmrnet import load_model, segment
from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation.plane import Plane

THRESHOLDS = (0.5, 0.75)


def scores(model: Model, dataset: PackedDataset, photons: int) -> dict[str, float]:
    """Scores of all images at so many photons at the brightest pixel.

    Returns
    -------
    dict
        AP at `THRESHOLDS`, pooled over nuclei and mean of the images; the median of the
        noise as `noise_level` sees it.
    """
    change, found, levels = photon_noise(photons), [], []
    for number, (_, image, truth) in enumerate(dataset):
        noisy, _ = change(image, truth, np.random.default_rng(number))
        levels.append(Plane([noisy]).noise)
        found.append(match(truth, segment(noisy, model=model).labels, THRESHOLDS))
    row = {"noise": float(np.median(levels))}
    for place, threshold in enumerate(THRESHOLDS):
        pooled, mean = average_precision([matches[place] for matches in found])
        row |= {f"AP{threshold} pooled": pooled, f"AP{threshold} per image": mean}
    return row


def main() -> None:
    """Print the scores of every number of photons and every sigma."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--subset", default="val")
    parser.add_argument("--photons", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--sigmas", type=float, nargs="+", default=[0, 1, 1.5, 2])
    arguments = parser.parse_args()
    keep_freed_memory()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model, rows = load_model(arguments.model, arguments.device), {}
    for photons in arguments.photons:
        for sigma in arguments.sigmas:
            with patch("napari_pmrnet.segmentation.normalise.SIGMAS", {-1.0: sigma}):
                rows[photons, sigma] = scores(model, dataset, photons)
            print(photons, sigma, rows[photons, sigma], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows).T.rename_axis(["photons", "sigma"])
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
