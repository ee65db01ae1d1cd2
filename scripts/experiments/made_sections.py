r"""Make a data set of dense tissue sections from annotated fluorescence images.

    python scripts/experiments/made_sections.py --data DIR --output DIR/sections
    napari-pmrnet train --data DIR/dsb18 ... --data DIR/sections --weights 1,...,0.6 \
        --start-from nuclei --output sections.safetensors

DIR holds packed data sets; those of `SETS` that are there are used. Nuclei of one to
three training images (for ``val`` of validation images) are packed until most touch,
half of the time in rows, with others out of focus over them, haze, uneven light and
noise. The truth is known by construction. A second call makes the same images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from lib.sections import Cutout, Section, cut_out
from PIL import Image

from napari_pmrnet.datasets.folder import PackedDataset

SETS = {"dsb18": 0.4, "bbbc039": 0.15, "bitdepth_nucseg": 0.45}
"""Share of the sections that are made from each set."""
STAINED = tuple("bcde")
"""Modalities of DSB 2018 that are not fluorescence."""
LEAST_NUCLEI = 12


def main() -> None:
    """Write images, labels and the split table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--train", type=int, default=110, help="number of images")
    parser.add_argument("--val", type=int, default=16, help="number of images")
    arguments = parser.parse_args()
    for name in ("images", "labels"):
        (arguments.output / name).mkdir(parents=True)
    rows = []
    for seed, subset in enumerate(("train", "val"), start=1):
        pools = Pools(arguments.data, subset, np.random.default_rng(seed))
        for number in range(getattr(arguments, subset)):
            image, labels = section(pools)
            name = f"{subset}_{number:03d}"
            Image.fromarray(image).save(arguments.output / "images" / f"{name}.png")
            path = arguments.output / "labels" / f"{name}.tif"
            tifffile.imwrite(path, labels, compression="zlib")
            rows.append({"image_id": name, "modality": "made", "split": subset})
    pd.DataFrame(rows).to_csv(arguments.output / "split.csv", index=False)


class Pools:
    """Nuclei of random images of one subset, each image cut up once.

    Parameters
    ----------
    folder : Path
        Holds the packed data sets.
    subset : str
    rng : Generator
    """

    def __init__(self, folder: Path, subset: str, rng: np.random.Generator) -> None:
        names = [name for name in SETS if (folder / name).is_dir()]
        if not names:
            raise SystemExit(f"{folder}: holds none of {', '.join(SETS)}.")
        self.rng = rng
        self._sets = [PackedDataset(folder / name, subset=subset) for name in names]
        shares = np.array([SETS[name] for name in names])
        self._shares = shares / shares.sum()
        self._known: dict[tuple[str, str], list[Cutout]] = {}

    def draw(self) -> list[Cutout]:
        """Nuclei of one to three images of one set."""
        dataset = self._sets[self.rng.choice(len(self._sets), p=self._shares)]
        ids = dataset.ids
        if "modality" in dataset.table:
            stained = dataset.table["modality"].isin(STAINED)
            ids = [
                i for i, is_stained in zip(ids, stained, strict=True) if not is_stained
            ]
        pool: list[Cutout] = []
        for _ in range(self.rng.integers(1, 4)):
            image_id = ids[self.rng.integers(len(ids))]
            key = dataset.name, image_id
            if key not in self._known:
                self._known[key] = cut_out(*dataset.load(image_id))
            pool += self._known[key]
        return pool


def section(pools: Pools) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels of a section that holds enough nuclei."""
    while True:
        pool = pools.draw()
        if len(pool) < LEAST_NUCLEI:
            continue
        image, labels = Section(pool, pools.rng).make()
        if labels.max() >= LEAST_NUCLEI:
            return image, labels


if __name__ == "__main__":
    main()
