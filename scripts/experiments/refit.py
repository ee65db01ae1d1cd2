r"""Fit the certainties of a model again, at its thresholds, on validation images.

    python scripts/experiments/refit.py --data DIR --model dsb18 \
        --output DIR/dsb18.safetensors

For weights that stay while what makes nuclei of their maps has changed. The copy's card
has the new certainties and the scores of the validation images.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.models.card import read_card, write_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.training.train import finish


def main() -> None:
    """Copy weights and card, fit the copy, print its validation scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dsb18", help="name or .safetensors file")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    keep_freed_memory()
    weights = find_weights(arguments.model)
    card = read_card(weights)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, arguments.output)
    write_card(arguments.output, card, overwrite=True)
    val_set = PackedDataset(arguments.data, subset="val")
    card = finish(arguments.output, val_set, dict(card.thresholds))
    for name, value in card.val.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
