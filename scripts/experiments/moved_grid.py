"""How far labels depend on the place of the grid of tiles.

    python scripts/experiments/moved_grid.py nuclei --data DIR [--mosaic 2]

AP at IoU 0.9 between the labels of the usual grid and of one moved by half a tile. Most
annotated images are small and seen whole, without a grid: with ``--mosaic`` 2 four of
one size and kind are put together, left out where fewer are left.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.stability import mosaics, shifted_grid_precision

from napari_pmrnet import load_model
from napari_pmrnet.datasets.folder import PackedDataset


def main() -> None:
    """Print AP, over all nuclei and as the mean of the images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    parser.add_argument("--mosaic", type=int, default=1, help="images a side")
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model = load_model(arguments.weights, "cpu")
    images = mosaics(dataset, arguments.mosaic)
    pooled, per_image, count = shifted_grid_precision(model, images)
    if not count:
        print("No image is larger than one tile.")
        return
    print(
        f"AP at IoU 0.9: {pooled:.3f} pooled, {per_image:.3f} per image; "
        f"{count} images with a grid"
    )


if __name__ == "__main__":
    main()
