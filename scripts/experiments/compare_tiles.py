"""Compare sizes of the network's tiles on the validation images.

The network holds global averages, so what it says depends on how much it sees at once.
Tiles follow from the image; their longest side is two and a half times the card's tile.

    python scripts/experiments/compare_tiles.py nuclei --data DIR
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_pmrnet import Settings, load_model
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.tables import instance_row, semantic_row
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation.tiles import longest_side

SIZES = (128, 192, 256, 320)


@dataclass(frozen=True)
class CountedModel(Model):
    """A model that keeps the pixels of every call of the network in ``seen``."""

    seen: list[int] = field(default_factory=list)

    def predict_tiles(
        self, tiles: Any, extra: bool = False, size: Any = None, flips: bool = False
    ) -> np.ndarray:
        self.seen.append(len(tiles) * int(np.prod(size or tiles.shape[-2:])))
        return super().predict_tiles(tiles, extra, size, flips)


def main() -> None:
    """Print Dice, AP, time and pixels seen at every size of tiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model = load_model(arguments.weights, "cpu")
    settings, rows = Settings(), {}
    for size in arguments.sizes:
        card = model.card.updated(window=size, overlap=size // 4)
        counted = CountedModel(model.name, card, model.network, model.device)
        scores = evaluate(counted, dataset, settings)
        instances = instance_row(scores)
        rows[size] = {
            "longest side": longest_side(size),
            "Dice native": semantic_row(scores)["Dice native"],
            **{name: v for name, v in instances.items() if name.startswith("AP")},
            "s an image": np.mean([s.seconds for s in scores]),
            "megapixels seen": sum(counted.seen) / 1e6,
        }
    table = pd.DataFrame(rows).T.rename_axis("tile")
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
