r"""Fit the certainties of a model again on validation images.

    python scripts/experiments/refit.py --data DIR [--data DIR ...] --model nuclei \
        --output DIR/nuclei.safetensors

For weights that stay while what makes nuclei of their maps has changed, or that were
trained elsewhere. Thresholds stay, unless with ``--tune``. The copy's card has the new
certainties and the scores of the validation images.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.models.card import read_card, write_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.research.registry import open_datasets
from napari_pmrnet.training.train import finish


def main() -> None:
    """Copy weights and card, fit the copy, print its validation scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--tune", action="store_true", help="also the thresholds")
    parser.add_argument("--model", default="nuclei", help="name or .safetensors file")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    keep_freed_memory()
    weights = find_weights(arguments.model)
    card = read_card(weights)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, arguments.output)
    write_card(arguments.output, card, overwrite=True)
    val_set = open_datasets(None, arguments.data, subset=("val",))
    thresholds = None if arguments.tune else dict(card.thresholds)
    card = finish(arguments.output, val_set, thresholds)
    for name, value in card.val.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
