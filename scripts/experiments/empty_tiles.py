"""How much even the faintest nucleus stands out, and how much ground counts as empty.

    python scripts/experiments/empty_tiles.py --data DIR

For every annotated nucleus, with a rim of 8 pixels as the network sees them, the range
of intensities that `is_empty` compares with its limit; and the share of squares of
ground without any nucleus near that are empty.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.segmentation.diameter import typical_diameter, working_scale
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.tiles import EMPTY, intensity_range

RIM = 8
SQUARE = 128


def main() -> None:
    """Print quantiles of the range around nuclei, and the share of empty squares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    nuclei, ground = [], []
    for image_id in dataset.ids:
        image, truth = dataset.load(image_id)
        diameter = typical_diameter(truth)
        if diameter is None:
            continue
        scale = working_scale(diameter)
        seen = Plane([image], rgb=image.ndim == 3, name=image_id).prepared()
        rim, side = round(RIM / scale), round(SQUARE / scale)
        for box in find_objects(truth):
            if box is not None:
                rows, columns = (
                    slice(max(0, s.start - rim), s.stop + rim) for s in box
                )
                nuclei.append(intensity_range(seen[None, :, rows, columns], scale)[0])
        far = distance_transform_edt(truth == 0) > rim
        for y in range(0, truth.shape[0] - side + 1, side // 2):
            for x in range(0, truth.shape[1] - side + 1, side // 2):
                rows, columns = slice(y, y + side), slice(x, x + side)
                if far[rows, columns].all():
                    ground.append(
                        intensity_range(seen[None, :, rows, columns], scale)[0]
                    )
    least, rare = np.quantile(nuclei, [0, 0.001])
    print(f"{len(nuclei)} nuclei: least range {least:.3f}, of one in 1000 {rare:.3f}")
    empty = np.mean(np.array(ground) < EMPTY) if ground else np.nan
    print(f"{len(ground)} squares of {SQUARE} without nuclei: {empty:.0%} are empty")


if __name__ == "__main__":
    main()
