"""Plots of an evaluation, drawn without a window."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from napari_pmrnet.evaluation.certainty import reliability
from napari_pmrnet.evaluation.evaluate import THRESHOLDS
from napari_pmrnet.evaluation.instance import average_precision
from napari_pmrnet.evaluation.tables import Scores, matches_of
from napari_pmrnet.segmentation.normalise import intensity_limits, normalise
from napari_pmrnet.segmentation.objects import RIGHT_IOU

TRUTH, FOUND = (0.2, 0.9, 0.3), (1.0, 0.3, 0.8)


def plot_precision(scores: Scores) -> Figure:
    """AP against the IoU threshold, pooled and per image."""
    pairs = list(map(average_precision, zip(*matches_of(scores), strict=True)))
    figure = Figure(figsize=(5, 4), layout="constrained", dpi=100)
    axes = figure.add_subplot(
        xlabel="IoU threshold", ylabel="AP", ylim=(0, 1), title=f"{len(scores)} images"
    )
    for values, name in zip(
        zip(*pairs, strict=True), ("pooled", "per image"), strict=True
    ):
        axes.plot(THRESHOLDS, values, "o-", label=name)
    axes.legend()
    return figure


def plot_reliability(scores: Scores) -> Figure:
    """Share of right nuclei by estimated certainty, and how many there are."""
    objects = pd.concat([s.objects for s in scores])
    right = objects["iou"].to_numpy() >= RIGHT_IOU
    table = reliability(objects["certainty"].to_numpy(), right)
    figure = Figure(figsize=(5, 4), layout="constrained", dpi=100)
    axes = figure.add_subplot(
        xlabel="certainty of a nucleus",
        ylabel=f"share with IoU ≥ {RIGHT_IOU}",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--")
    axes.plot(table["estimated"], table["observed"], "o-")
    counts = axes.twinx()
    counts.bar(table["estimated"], table["count"], width=0.06, alpha=0.2)
    counts.set_ylabel("nuclei")
    return figure


def plot_worst(
    cases: Iterable[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
) -> Figure:
    """Image, truth, labels and certainty side by side.

    Parameters
    ----------
    cases : iterable of (str, ndarray, ndarray, ndarray, ndarray)
        Id, image, true labels, labels, certainty map.
    """
    cases = list(cases)
    figure = Figure(figsize=(12, 3.2 * len(cases)), layout="constrained", dpi=80)
    grid = figure.subplots(len(cases), 4, squeeze=False)
    for axes, (image_id, image, truth, labels, certainty) in zip(
        grid, cases, strict=True
    ):
        picture = displayed(image)
        panels = {
            image_id[:12]: picture,
            f"truth, {len(np.unique(truth)) - 1}": outlined(picture, truth, TRUTH),
            f"labels, {labels.max()}": outlined(picture, labels, FOUND),
        }
        for place, (title, panel) in zip(axes, panels.items(), strict=False):
            place.imshow(panel)
            place.set_title(title, parse_math=False)
        axes[3].imshow(certainty, vmin=0, vmax=1, cmap="viridis")
        axes[3].set_title("certainty")
        for place in axes:
            place.set_axis_off()
    return figure


def displayed(image: np.ndarray) -> np.ndarray:
    """Image as (H, W, 3) float in [0, 1], between its intensity limits."""
    scaled = normalise(image, intensity_limits(image))
    return scaled if scaled.ndim == 3 else np.repeat(scaled[..., None], 3, axis=2)


def outlined(
    picture: np.ndarray, labels: np.ndarray, colour: tuple[float, float, float]
) -> np.ndarray:
    """Copy of a picture (H, W, 3) with the outlines of labels (H, W) drawn in."""
    picture = picture.copy()
    picture[find_boundaries(labels, mode="inner")] = colour
    return picture
