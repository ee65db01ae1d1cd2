"""How far labels depend on the place of the grid of tiles.

    python scripts/experiments/moved_grid.py nuclei --data DIR

AP at IoU 0.9 between the labels of the usual grid and of one moved by half a tile.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.stability import shifted_grid_precision

from napari_pmrnet import load_model
from napari_pmrnet.datasets.folder import PackedDataset


def main() -> None:
    """Print AP, over all nuclei and as the mean of the images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model = load_model(arguments.weights, "cpu")
    pooled, per_image = shifted_grid_precision(model, dataset)
    print(f"AP at IoU 0.9: {pooled:.3f} pooled, {per_image:.3f} per image")


if __name__ == "__main__":
    main()
