r"""Share of missed nuclei that one click, or a drag, outlines.

python scripts/experiments/click_to_add.py --data DIR [--data DIR ...]
    [--model nuclei] [--subset val] [--every 1] [--most 1000] [--fit]

Each true nucleus of which less than a fifth lies in labels is clicked 2 pixels off its
centroid. Printed is the share whose outline has an IoU of .7 or more, by data set and
by size, and how many reach .5; with ``--fit`` also the weights of the choice, fitted to
these clicks.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from lib.clicks import fitted, missed_nuclei, trial

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.models.model import Model
from napari_pmrnet.proofreading.evidence import FEATURES
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.segmentation.objects import RIGHT_IOU

FROM = (0, 50, 100, 200)
"""Areas, in pixels, from which on nuclei are counted."""
WAYS = {
    "click": "one click",
    "drag": "a drag over it",
    "alone": "one click, by the image alone",
    "best": "the best outline of a click",
}


def main() -> None:
    """Print all shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--subset", default="val")
    parser.add_argument("--every", type=int, default=1, help="of the images")
    parser.add_argument("--most", type=int, default=1000, help="nuclei of an image")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    keep_freed_memory()
    model = load_model(arguments.model, arguments.device)
    rows: list[dict] = []
    for folder in arguments.data:
        dataset = PackedDataset(folder, subset=arguments.subset)
        for name in dataset.ids[:: arguments.every]:
            image, truth = dataset.load(name)
            rows += clicked(model, folder.name, image, truth, arguments.most)
            print(f"\r{folder.name}: {len(rows)} clicks", end="", file=sys.stderr)
        print(file=sys.stderr)
    table = pd.DataFrame(rows)
    for way, told in WAYS.items():
        print(f"{told}: {shares(table, table[way])}")
    print(f"a click takes {table['ms'].median():.0f} ms (median)")
    if arguments.fit:
        fit(table)


def shares(table: pd.DataFrame, iou: pd.Series) -> str:
    """Share that reaches IoU `RIGHT_IOU`: of each set, and of all from some area on."""
    right = iou >= RIGHT_IOU
    groups = {name: table["data"] == name for name in table["data"].unique()}
    groups |= {f"from {area} px": table["area"] >= area for area in FROM}
    parts = [
        f"{name} {right[chosen].mean():.3f} of {chosen.sum()}"
        for name, chosen in groups.items()
    ]
    return f"{', '.join(parts)}; IoU .5 {(iou >= 0.5).mean():.3f}"


def fit(table: pd.DataFrame) -> None:
    """Print weights fitted to the clicks and drags, with maps and without, together."""
    trials = [*table["of click"], *table["of drag"], *table["of alone"]]
    for name, weight in fitted(trials, FEATURES).items():
        print(f'    "{name}": {weight:.2f},')


def clicked(
    model: Model, data: str, image: np.ndarray, truth: np.ndarray, most: int
) -> list[dict]:
    """A row a missed nucleus of an image."""
    found = segment(image, Settings.for_card(model.card), model)
    missed = list(missed_nuclei(truth, found.labels))[:most]
    if not missed:
        return []
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    labels = found.labels
    review = begin_review(labels, Origin.of(found), grey)
    alone = Review(Nuclei(labels, labels.copy(), image=grey))
    rows = []
    for one in missed:
        started = time.perf_counter()
        click = trial(review, truth, one)
        seconds = time.perf_counter() - started
        ways = {
            "click": click,
            "drag": trial(review, truth, one, dragged=True),
            "alone": trial(alone, truth, one),
        }
        rows.append(
            {
                "data": data,
                "area": one.area,
                **{f"of {way}": found for way, found in ways.items()},
                **{way: found.reached for way, found in ways.items()},
                "best": float(click.iou.max(initial=0)),
                "ms": 1000 * seconds,
            }
        )
    return rows


if __name__ == "__main__":
    main()
