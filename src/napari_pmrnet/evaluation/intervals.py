"""Intervals of the main figures, by bootstrap over images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from napari_pmrnet.evaluation.evaluate import THRESHOLDS, ImageScore
from napari_pmrnet.evaluation.instance import Match
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.objects import RIGHT_IOU

DRAWS, SEED, LEVEL = 1000, 0, 0.95
MAIN_THRESHOLDS = (0.5, 0.75, 0.9)
LOW, HIGH = " low", " high"
BINS = 10


def interval_row(scores: list[ImageScore]) -> dict[str, float]:
    """The main figures of some images, each with the ends of its interval.

    As many images as there are are drawn with replacement, `DRAWS` times; the interval
    holds the middle `LEVEL` of the figures of the draws (Efron, Annals of Statistics 7,
    1979). The draws are the same at every call.

    Parameters
    ----------
    scores : list of ImageScore
        At least one.

    Returns
    -------
    dict
        ``images``; AP pooled and per image, Dice at 256 x 256 and at native size, AUROC
        and calibration error of the certainty of nuclei before any is dropped, where
        they apply. Beside each figure two with `LOW` and `HIGH` added to its name.
    """
    count = len(scores)
    drawn = np.random.default_rng(SEED).multinomial(
        count, np.full(count, 1 / count), DRAWS
    )
    # The images themselves, each once, are the first draw.
    draws = np.concatenate([np.ones((1, count), int), drawn])
    row: dict[str, float] = {"images": count}
    for name, values in _figures(scores, draws):
        known = values[1:][np.isfinite(values[1:])]
        rest = (1 - LEVEL) / 2
        ends = np.quantile(known, (rest, 1 - rest)) if len(known) else [np.nan] * 2
        row |= {name: float(values[0])}
        row |= {f"{name}{LOW}": float(ends[0]), f"{name}{HIGH}": float(ends[1])}
    return row


def with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """A table in which each figure stands with its interval, as text, in one column."""
    shown = {}
    for name in table:
        ends = f"{name}{LOW}", f"{name}{HIGH}"
        if str(name).endswith((LOW, HIGH)):
            continue
        if not set(ends) <= set(table):
            shown[name] = table[name]
            continue
        columns = (table[column] for column in (name, *ends))
        shown[name] = [
            f"{value:.3f} ({low:.3f}-{high:.3f})" if np.isfinite(value) else "-"
            for value, low, high in zip(*columns, strict=True)
        ]
    return pd.DataFrame(shown, index=table.index)


def _figures(
    scores: list[ImageScore], draws: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Name of each figure and its value in every draw (d, images)."""
    dice = [[s.semantic["Dice"], s.dice_native] for s in scores]
    matches = [s.matches for s in scores if s.matches is not None]
    if len(matches) == len(scores):
        yield from precision(scores, draws)
    yield from zip(
        ("Dice", "Dice native"), (draws @ dice).T / draws.shape[1], strict=True
    )
    if len(matches) == len(scores) and scores[0].kind is LabelKind.NUCLEI:
        objects = [s.objects for s in scores]
        owner = np.repeat(np.arange(len(scores)), [len(each) for each in objects])
        table = pd.concat(objects)
        right = table["iou"].to_numpy() >= RIGHT_IOU
        certainty = table["certainty"].to_numpy(float)
        yield "AUROC", _auroc(certainty, right, owner, draws)
        yield "ECE", _calibration_error(certainty, right, owner, draws)


def precision(
    scores: list[ImageScore], draws: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """AP of images in which objects are told apart, and without specks where known.

    Parameters
    ----------
    scores : list of ImageScore
    draws : ndarray of int, shape (d, images)
        How often each image counts.

    Yields
    ------
    name, ndarray of float, shape (d,)
        AP at each of `MAIN_THRESHOLDS`, pooled and per image.
    """
    matches = [s.matches or [] for s in scores]
    yield from _precision(matches, draws, "")
    if any(s.without_specks for s in scores):
        firm = [s.without_specks or m for s, m in zip(scores, matches, strict=True)]
        yield from _precision(firm, draws, " without specks")


def _precision(
    matches: list[list[Match]], draws: np.ndarray, which: str
) -> Iterator[tuple[str, np.ndarray]]:
    """AP at each of `MAIN_THRESHOLDS`, pooled and per image."""
    for threshold in MAIN_THRESHOLDS:
        at = THRESHOLDS.index(threshold)
        counts = np.array(
            [
                [m[at].true_positive, m[at].false_positive + m[at].false_negative]
                for m in matches
            ]
        )
        hits, misses = (draws @ counts).T
        total = hits + misses
        pooled = np.where(total > 0, hits / np.maximum(total, 1), 1.0)
        single = np.array([m[at].precision for m in matches])
        yield f"AP{threshold} pooled{which}", pooled
        yield f"AP{threshold} per image{which}", draws @ single / draws.shape[1]


def _auroc(
    certainty: np.ndarray, right: np.ndarray, owner: np.ndarray, draws: np.ndarray
) -> np.ndarray:
    """AUROC in every draw, see `certainty.auroc`; NaN where all or none are right."""
    levels, level = np.unique(certainty, return_inverse=True)
    values = np.full(len(draws), np.nan)
    for number, times in enumerate(draws):
        weight = times[owner]
        good, bad = (
            np.bincount(level, weight * some, len(levels)) for some in (right, ~right)
        )
        pairs = good.sum() * bad.sum()
        if pairs:
            values[number] = good @ (bad.cumsum() - bad / 2) / pairs
    return values


def _calibration_error(
    certainty: np.ndarray, right: np.ndarray, owner: np.ndarray, draws: np.ndarray
) -> np.ndarray:
    """Calibration error in every draw, see `certainty.expected_calibration_error`."""
    images = draws.shape[1]
    place = owner * BINS + np.clip((certainty * BINS).astype(int), 0, BINS - 1)
    gaps = np.bincount(place, certainty - right, images * BINS).reshape(images, BINS)
    number = draws @ np.bincount(owner, minlength=images)
    total = np.abs(draws @ gaps).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
