r"""Reach and speed of the gestures of proofreading.

python scripts/experiments/proofreading.py \
    --data DIR [--model nuclei] [--output curve.csv]
    [--every 1] [--plot effort.png]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from lib.reviewer import Reviewer, places_needed, snap_trials, split_trials

from napari_pmrnet import load_model
from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.suggestions import needed, precision_and_recall, right
from napari_pmrnet.models.model import Model
from napari_pmrnet.proofreading.boxes import union
from napari_pmrnet.proofreading.edits import (
    delete,
    fill_holes,
    joined,
    merge,
    smooth,
    snap,
    split,
)
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.suggestions import suggest
from napari_pmrnet.segmentation import Segmentation, segment
from napari_pmrnet.training.calibrate import fit_suggestions

SIDE, NUCLEI = 4096, 100
RANDOM_ORDERS = 3
PRECISION, RECALL = 0.7, 0.3
Cases = list[tuple[np.ndarray, Segmentation]]


def main() -> None:
    """Print every figure; the curves go to a CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tools-subset", default="val")
    parser.add_argument("--effort-subset", default="test")
    parser.add_argument("--every", type=int, default=1, help="image for the effort")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--plot", type=Path, help="needs matplotlib")
    arguments = parser.parse_args()
    keep_freed_memory()
    model = load_model(arguments.model, arguments.device)
    edit_times()
    cases = segmented(model, arguments.data, arguments.tools_subset)
    tools(cases)
    suggested(cases)
    cases = segmented(model, arguments.data, arguments.effort_subset, arguments.every)
    curves = effort(cases)
    added(cases)
    if arguments.output is not None:
        curves.to_csv(arguments.output, index=False)
    if arguments.plot is not None:
        draw(curves, arguments.plot)


def segmented(model: Model, data: Path, subset: str, every: int = 1) -> Cases:
    """True labels and segmentation of every image of a subset, or every so many."""
    cases, dataset = [], PackedDataset(data, subset=subset)
    for image_id in dataset.ids[::every]:
        image, truth = dataset.load(image_id)
        found = segment(image, model=model, image_name=image_id, extra_maps=True)
        cases.append((truth, found))
        print(f"\r{subset}: {len(cases)} segmented", end="", file=sys.stderr)
    print(file=sys.stderr)
    return cases


def tools(cases: Cases) -> None:
    """Split and snap on true nuclei."""
    worse = [v for t, found in cases for v in split_trials(t, found.maps["boundary"])]
    good = np.mean(np.array(worse) >= 0.7)
    print(f"split: both halves reach IoU 0.7 in {good:.3f} of {len(worse)} pairs")
    trials = pd.DataFrame(
        [row for t, found in cases for row in snap_trials(t, found.maps["boundary"])],
        columns=["how", "before", "after"],
    )
    print("snap, median IoU:")
    print(trials.groupby("how")[["before", "after"]].median().round(3).to_string())
    print(trials[["before", "after"]].median().round(3).to_string())


def suggested(cases: Cases, folds: int = 5) -> None:
    """Precision of suggestions at the recall asked for, cross-validated by image."""
    tables, wanted = [], []
    for fold in range(folds):
        others = [case for i, case in enumerate(cases) if i % folds != fold]
        card = cases[0][1].model.card
        fitted = fit_suggestions(others, card.certainty, card.object_certainty)
        for truth, found in cases[fold::folds]:
            suggestions = suggest(
                found.labels, found.maps, found.flows, card.object_certainty, fitted
            )
            answers = right(suggestions, found.labels, truth)
            tables.append((suggestions.table, answers))
            wanted.append(needed(found.labels, truth))
    curve = precision_and_recall(tables, wanted)
    for kind, some in curve.groupby("kind"):
        total = sum(getattr(image, kind) for image in wanted)
        reached = some[some["recall"] >= RECALL]
        best = some.loc[some["precision"] >= PRECISION, "recall"].max()
        print(
            f"{kind}: {total} needed; precision {reached['precision'].max():.3f} at "
            f"recall {RECALL} or more; recall {best:.3f} at precision {PRECISION}"
        )


def effort(cases: Cases) -> pd.DataFrame:
    """The simulated reviewer, the most doubtful places first and in random order."""
    curves = []
    for order in ("doubt", *range(RANDOM_ORDERS)):
        reviewer = Reviewer(cases)
        places = reviewer.places()
        if order != "doubt":
            places = places.sample(frac=1, random_state=order)
        curve = list(reviewer.work(places))
        curves.append(pd.DataFrame(curve).assign(order=order))
        first, last = curve[0], curve[-1]
        print(
            f"order {order}: AP@.7 {first.precision:.3f} -> {last.precision:.3f} "
            f"after {last.places} places and {last.gestures} gestures; 80 % of the "
            f"gain after {places_needed(curve):.3f} of the places"
        )
    return pd.concat(curves)


def added(cases: Cases) -> None:
    """The simulated reviewer, with nuclei added that the queue does not show."""
    for adds in ("", "brush", "click"):
        reviewer = Reviewer(cases, adds=adds)
        curve = list(reviewer.work(reviewer.places()))
        last, needed = curve[-1], places_needed(curve)
        half = curve[round(needed * (len(curve) - 1))]
        print(
            f"adding by {adds or 'nothing'}: AP@.7 {curve[0].precision:.3f} -> "
            f"{last.precision:.3f}, {last.places} places, {last.gestures} gestures; "
            f"80 % of the gain after {half.places} places and {half.gestures} gestures"
        )


def draw(curves: pd.DataFrame, path: Path) -> None:
    """Plot what is reached against the share of the places looked at."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for order, curve in curves.groupby("order", sort=False):
        doubt = order == "doubt"
        axes.plot(
            100 * curve["places"] / curve["places"].max(),
            curve["precision"],
            color="#1f6fb4" if doubt else "#999999",
            label={"doubt": "least certain first", "0": "random order"}.get(str(order)),
        )
    axes.set_xlabel("places looked at (%)")
    axes.set_ylabel("AP at IoU 0.7, pooled")
    axes.set_xlim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def edit_times() -> None:
    """Seconds of each edit and of what follows it, on 10,000 nuclei."""
    labels, gate = many_nuclei()
    maps = {"certainty": np.ones(labels.shape, np.float32)}
    review = Review(Nuclei(labels, labels.copy(), maps))
    box = review.nuclei.box
    edits = {
        "split": lambda: split(
            labels, 7, [(15, 255), (25, 265)], gate, within=box(7), next_label=20_000
        ),
        "merge": lambda: merge(labels, 21, [22], union([box(21), box(22)])),
        "delete": lambda: delete(labels, [33], box(33)),
        "delete 1,000": lambda: joined(
            [delete(labels, [n], b) for n, b in review.nuclei.boxes(range(2000, 3000))]
        ),
        "snap": lambda: snap(labels, 45, gate, within=box(45)),
        "fill holes": lambda: fill_holes(labels, 46, box(46)),
        "smooth": lambda: smooth(labels, 47, within=box(47)),
    }
    for name, make in edits.items():
        started = time.perf_counter()
        edit = make()
        made = time.perf_counter()
        labels[edit.ys, edit.xs] = edit.values
        review.follow(edit.box if len(edit.values) else None)
        followed = time.perf_counter()
        print(
            f"{name}: {1000 * (made - started):.0f} ms, table and record "
            f"{1000 * (followed - made):.0f} ms"
        )
    labels[1, 1] = 5
    started = time.perf_counter()
    review.follow()
    print(f"change anywhere found: {1000 * (time.perf_counter() - started):.0f} ms")


def many_nuclei() -> tuple[np.ndarray, np.ndarray]:
    """10,000 discs on 4096 x 4096 pixels, and a gate around them."""
    from skimage.segmentation import find_boundaries

    step = SIDE // NUCLEI
    y, x = np.mgrid[:step, :step]
    tile = np.hypot(y - step / 2, x - step / 2) < 0.42 * step
    labels = np.zeros((SIDE, SIDE), np.int32)
    for index in range(NUCLEI**2):
        top, left = step * (index // NUCLEI), step * (index % NUCLEI)
        labels[top : top + step, left : left + step][tile] = index + 1
    return labels, find_boundaries(labels).astype(np.float32)


if __name__ == "__main__":
    main()
