r"""Loss of AP at IoU 0.5 when images are changed.

    python scripts/experiments/robustness.py --data DIR --subset test \
        --changes "x 0.5" "inverted"

Without ``--changes``, every one; the images as they are come first in any case.
Enlarged images take by far the longest.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lib.robustness import CHANGES, robustness

from napari_pmrnet import load_model
from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset


def main() -> None:
    """Print AP under every change and the points lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--subset", default="test")
    unchanged, *changes = CHANGES
    parser.add_argument("--changes", nargs="+", choices=changes, default=changes)
    arguments = parser.parse_args()
    keep_freed_memory()
    dataset = PackedDataset(arguments.data, subset=arguments.subset)
    table = robustness(
        load_model(arguments.model, arguments.device),
        ((image, truth) for _, image, truth in dataset),
        changes={name: CHANGES[name] for name in (unchanged, *arguments.changes)},
        progress=lambda name, pooled, mean: print(
            f"{name}: {pooled:.3f} pooled, {mean:.3f} per image", file=sys.stderr
        ),
    )
    print(table.round({"pooled": 3, "per image": 3, "lost": 1}).to_string())


if __name__ == "__main__":
    main()
