r"""F1 at IoU 0.5 with bright debris over the images, by the intensity limits.

    python scripts/experiments/debris.py --data DIR [DIR ...] --every 4

Every image, of 8 bits, is segmented as it is and with debris of one kind, drawn with a
share of 0.3 to 3 % of the pixels and 20 or 80 times the brightness of the nuclei or
saturated; each by percentiles, by the automatic limits, and by those of the image
without debris.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from lib.debris import KINDS, with_debris

from napari_pmrnet import load_model
from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import Match, average_precision, match
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.segmentation.plane import Plane

SHARES, TIMES = (0.003, 0.005, 0.01, 0.03), (20.0, 80.0, None)


def main() -> None:
    """Print a row an image, and the scores of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--subset", default="val")
    parser.add_argument("--every", type=int, default=1, help="image, of each folder")
    parser.add_argument("--clean", action="store_true", help="without debris only")
    arguments = parser.parse_args()
    keep_freed_memory()
    model = load_model(arguments.model, arguments.device)
    found: dict[tuple[str, str], list[Match]] = {}
    for folder in arguments.data:
        dataset = PackedDataset(folder, subset=arguments.subset)
        for number, image_id in enumerate(dataset.ids[:: arguments.every]):
            image, truth = dataset.load(image_id)
            row = scores(model, image, truth, number, arguments.clean)
            said = ", ".join(f"{k[1]} {m.f1:.3f}" for k, m in row.items())
            print(folder.name, image_id[:12], said, file=sys.stderr, flush=True)
            for (kind, limits), score in row.items():
                for group in (folder.name, kind):
                    found.setdefault((group, limits), []).append(score)
    table = {
        key: (
            len(matches),
            sum(matches[1:], matches[0]).f1,
            *average_precision(matches),
        )
        for key, matches in sorted(found.items())
    }
    columns = ["images", "F1", "AP pooled", "AP per image"]
    print(pd.DataFrame(table, index=columns).T.round(3).to_string())


def scores(
    model: Model, image: np.ndarray, truth: np.ndarray, number: int, clean: bool
) -> dict[tuple[str, str], Match]:
    """Matches at IoU 0.5, by kind of debris and limits; changed limits are marked."""

    def score(pixels: np.ndarray | Plane, limits: str) -> Match:
        labels = segment(pixels, Settings(limits=limits), model).labels
        return match(truth, labels, [0.5])[0]

    plane = Plane([image])
    low, high = plane.limits
    plain = score(image, "percentiles")
    changed = plane.limits != plane.limited("percentiles").limits
    found = {
        ("none", "clean, percentiles"): plain,
        ("none", "clean, automatic"): score(image, "automatic") if changed else plain,
    }
    if clean:
        return found
    rng = np.random.default_rng(number)
    kind = KINDS[number % len(KINDS)]
    share, times = SHARES[rng.integers(len(SHARES))], TIMES[rng.integers(len(TIMES))]
    dirty, _ = with_debris(kind, share, times)(image, truth, rng)
    known = f"{float(low)!r}:{float(high)!r}"
    return found | {
        (kind, "percentiles"): score(dirty, "percentiles"),
        (kind, "automatic"): score(dirty, "automatic"),
        (kind, "those without debris"): score(dirty, known),
    }


if __name__ == "__main__":
    main()
