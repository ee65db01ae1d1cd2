"""Compare sizes of the network's windows on the validation images.

The network holds global averages, so what it says depends on how much it sees at once.

    python scripts/experiments/compare_tiles.py w.safetensors --data DIR
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet import Settings, load_model
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.tables import instance_row, semantic_row

SIZES = (128, 192, 256, 320, 384)


def main() -> None:
    """Print Dice, AP and time at every window size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--subset", default="val")
    arguments = parser.parse_args()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    model = load_model(arguments.weights, "cpu")
    settings, rows = Settings(), {}
    for size in SIZES:
        card = model.card.updated(window=size, overlap=size // 4)
        scores = evaluate(replace(model, card=card), dataset, settings)
        instances = instance_row(scores)
        rows[size] = {
            "Dice native": semantic_row(scores)["Dice native"],
            **{name: v for name, v in instances.items() if name.startswith("AP")},
            "s an image": np.mean([s.seconds for s in scores]),
        }
    table = pd.DataFrame(rows).T.rename_axis("window")
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
