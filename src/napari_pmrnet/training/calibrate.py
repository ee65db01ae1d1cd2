"""From trained to usable: spare channels cut off, thresholds and certainty fitted.

The targets beside those that `segment` reads make the shared layers better and cost
nothing once they are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from napari_pmrnet.datasets.base import OpenedDataset, shrink
from napari_pmrnet.evaluation.instance import average_precision, best_iou, match
from napari_pmrnet.evaluation.semantic import mean_dice
from napari_pmrnet.evaluation.suggestions import right
from napari_pmrnet.models.label_kind import (
    class_channels_in,
    classes_of,
    true_classes,
)
from napari_pmrnet.models.model import Model
from napari_pmrnet.proofreading.suggestions import FEATURES as PAIR_FEATURES
from napari_pmrnet.proofreading.suggestions import MERGE, SPLIT, suggest
from napari_pmrnet.segmentation import Segmentation, Settings, segment
from napari_pmrnet.segmentation.objects import (
    FEATURES,
    PIXEL_FEATURES,
    RIGHT_IOU,
    certainty_map,
    object_features,
    pixel_features,
)
from napari_pmrnet.segmentation.postprocess import missed_nuclei
from napari_pmrnet.training.networks import HEAD

USED_CHANNELS = ("probability", "flow_y", "flow_x")
PIXELS_AN_IMAGE = 4000
TUNED_AT = (0.5, 0.75)
THRESHOLD_GRID = {
    "probability_threshold": (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7),
    "seed_threshold": (0.5, 0.6, 0.7, 0.8, 0.9),
}
RIDGES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FOLDS = 10
WHOLE_SIDE = 2
"""Longer side of the images fitted on that are seen whole, at most, in windows."""

Cases = list[tuple[np.ndarray, Segmentation]]


def used_channels(channels: Sequence[str]) -> list[str]:
    """Those of a network's outputs that `segment` reads, in their order."""
    read = {*USED_CHANNELS, *class_channels_in(channels)}
    return [name for name in channels if name in read]


def prune_channels(
    state: dict[str, Tensor], channels: Sequence[str], keep: Sequence[str]
) -> dict[str, Tensor]:
    """Weights of the network with some of its output channels.

    Parameters
    ----------
    state : dict of Tensor
        State of a network whose outputs are `channels`.
    channels, keep : sequence of str
        Names of the outputs, and of those that stay, in their new order.
    """
    rows = [channels.index(name) for name in keep]
    return {
        name: tensor[rows].clone() if name in HEAD else tensor
        for name, tensor in state.items()
    }


def segment_all(
    model: Model,
    dataset: OpenedDataset,
    progress: Callable[[int, int], None] | None = None,
) -> Cases:
    """True labels and segmentation, with all maps, of every image of a data set.

    Labels are there before any is dropped for its certainty, which is fitted on them.
    For a model that sees images whole large ones are shrunk: it sees the same then, and
    the maps of all fit into memory. `progress` is called after each, with the number of
    all.
    """
    settings, cases = Settings(least_certainty=0), []
    most = WHOLE_SIDE * model.tile if model.card.label_kind.sees_whole else None
    for image_id, image, truth in dataset:
        if most is not None and max(truth.shape) > most:
            image, truth = shrink(image, truth, most)
        result = segment(image, settings, model, extra_maps=True, image_name=image_id)
        cases.append((truth, result))
        if progress is not None:
            progress(len(cases), len(dataset))
    return cases


def with_certainties(cases: Cases, fitted: dict[str, Any]) -> Cases:
    """The same images, with certainties as a card with other coefficients gives them.

    Labels stay as they are until they are made anew; then uncertain ones are dropped.

    Parameters
    ----------
    cases : list of (ndarray, Segmentation)
        Of `segment_all`.
    fitted : dict
        Of `fit_certainties`.
    """
    calibrated = []
    for truth, result in cases:
        certainty = certainty_map(result.maps, fitted["certainty"])
        model = replace(result.model, card=result.model.card.updated(**fitted))
        maps = {**result.maps, "certainty": certainty}
        calibrated.append((truth, replace(result, model=model, maps=maps)))
    return calibrated


def tune_thresholds(cases: Cases) -> dict[str, float]:
    """Choose the thresholds with the highest AP on labelled images.

    Parameters
    ----------
    cases : list of (ndarray, Segmentation)
        Of `with_certainties`, so that uncertain nuclei are dropped as they are later.

    Returns
    -------
    dict
        A value for each key of `THRESHOLD_GRID`. The score is the mean of AP at IoU 0.5
        and 0.75, pooled and per image.
    """

    def score(thresholds: dict[str, float]) -> float:
        settings, matches = replace(Settings(), **thresholds), []
        for truth, result in cases:
            labels = result.relabel(settings).labels
            matches.append(match(truth, labels, TUNED_AT))
        return float(np.mean([*map(average_precision, zip(*matches, strict=True))]))

    names = tuple(THRESHOLD_GRID)
    grid = product(*THRESHOLD_GRID.values())
    return max((dict(zip(names, values, strict=True)) for values in grid), key=score)


def tune_foreground(cases: Cases) -> dict[str, float]:
    """Choose the probability threshold with the highest mean Dice, of classes theirs.

    What `tune_thresholds` is for nuclei, for models of objects or classes, which have
    no other threshold.
    """

    def score(threshold: float) -> float:
        scores = []
        for truth, result in cases:
            classes = result.model.card.classes
            found = classes_of(result.maps["probability"] > threshold, result.maps)
            true = true_classes(truth, classes)
            scores.append(mean_dice(found, true, len(classes)))
        return float(np.mean(scores))

    grid = THRESHOLD_GRID["probability_threshold"]
    return {"probability_threshold": max(grid, key=score)}


def fit_certainties(cases: Cases, seed: int = 0) -> dict[str, Any]:
    """Fit every certainty of the model card on labelled images.

    Parameters
    ----------
    cases : list of (ndarray, Segmentation)
        Of `segment_all`, from images the network was not trained on.
    seed : int
        Seed of the choice of pixels, `PIXELS_AN_IMAGE` an image.

    Returns
    -------
    dict
        ``certainty`` of pixels (see `certainty_map`), ``object_certainty`` of labels
        (see `describe_objects`), ``missed_certainty`` of proposals (see
        `missed_nuclei`) and ``suggestions`` (see `suggest`). All but the first are None
        where nothing was found.
    """
    of_pixels = fit_pixels(cases, seed)
    found, proposed = [], []
    for truth, result in cases:
        if result.flows is None:
            continue
        maps = {**result.maps, "certainty": certainty_map(result.maps, of_pixels)}
        missed = missed_nuclei(
            result.labels,
            maps,
            result.flows,
            result.settings,
            diameter=result.diameter,
        )
        for labels, rows in ((result.labels, found), (missed.labels, proposed)):
            features = object_features(labels, maps, result.flows)
            rows.append((features, best_iou(truth, labels) >= RIGHT_IOU))
    of_objects = fit_objects(found)
    return {
        "certainty": of_pixels,
        "object_certainty": of_objects,
        "missed_certainty": fit_objects(proposed),
        "suggestions": fit_suggestions(cases, of_pixels, of_objects),
    }


def fit_pixels(cases: Cases, seed: int = 0) -> dict[str, float]:
    """Fit the certainty of a pixel: ``intercept`` and coefficients of its features."""
    rng = np.random.default_rng(seed)
    features, right = [], []
    for truth, result in cases:
        chosen = rng.integers(truth.size, size=PIXELS_AN_IMAGE)
        values = pixel_features(result.maps)
        features.append([values[name].ravel()[chosen] for name in PIXEL_FEATURES])
        likely = classes_of(result.maps["probability"] > 0.5, result.maps)
        correct = likely == true_classes(truth, result.model.card.classes)
        right.append(correct.ravel()[chosen])
    return logistic_regression(
        np.concatenate(features, axis=1).T, np.concatenate(right), PIXEL_FEATURES
    )


def fit_objects(
    images: Sequence[tuple[pd.DataFrame, np.ndarray]],
) -> dict[str, float] | None:
    """Fit the certainty of nuclei.

    Parameters
    ----------
    images : sequence of (DataFrame, ndarray of bool)
        For every image the `object_features` of its labels, and which are right.

    Returns
    -------
    dict or None
        ``intercept`` and a coefficient for each feature; None if there is no nucleus.
    """
    some = [(table.to_numpy(float), right) for table, right in images if len(right)]
    if not some:
        return None
    return logistic_regression(*_joined(some), FEATURES, best_ridge(some))


def best_ridge(images: Sequence[tuple[np.ndarray, np.ndarray]], seed: int = 0) -> float:
    """The one of `RIDGES` under which outcomes in images held out are likeliest.

    Where few outcomes are of one kind, coefficients fitted with less of it are huge and
    say little of other images.

    Parameters
    ----------
    images : sequence of (ndarray of float, ndarray of bool)
        For every image its features (n, k) and outcomes (n,).
    seed : int
        Seed of the division into `FOLDS` parts.
    """
    if len(images) < 2:
        return RIDGES[0]
    folds = np.random.default_rng(seed).permutation(len(images)) % FOLDS

    def surprise(ridge: float) -> float:
        total = 0.0
        for fold in np.unique(folds):
            rest = [images[i] for i in np.flatnonzero(folds != fold).tolist()]
            held = [images[i] for i in np.flatnonzero(folds == fold).tolist()]
            intercept, slopes = _most_likely(*_joined(rest), ridge)
            features, outcome = _joined(held)
            total += float(_surprises(intercept + features @ slopes, outcome).sum())
        return total

    return min(RIDGES, key=surprise)


def _joined(
    images: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Features and outcomes of several images as one."""
    features, outcome = zip(*images, strict=True)
    return np.concatenate(features), np.concatenate(outcome)


def fit_suggestions(
    cases: Cases,
    of_pixels: dict[str, float],
    of_objects: dict[str, float] | None,
) -> dict[str, dict[str, float] | None] | None:
    """Fit the scores of suggested merges and splits.

    Parameters
    ----------
    cases : list of (ndarray, Segmentation)
    of_pixels, of_objects : dict
        The certainties fitted before.

    Returns
    -------
    dict or None
        For ``merge`` and ``split`` an intercept and a coefficient for each of
        `suggestions.FEATURES`, or None where too little was found. None without nuclei
        or flows.
    """
    if of_objects is None:
        return None
    tables = []
    for truth, found in cases:
        if found.flows is None:
            return None
        maps = {**found.maps, "certainty": certainty_map(found.maps, of_pixels)}
        suggestions = suggest(found.labels, maps, found.flows, of_objects)
        answers = right(suggestions, found.labels, truth)
        tables.append(suggestions.table.assign(right=answers))
    rows, fitted = pd.concat(tables), {}
    for kind in (MERGE, SPLIT):
        some = rows.loc[rows["kind"] == kind]
        known = some["right"].nunique() == 2
        features = some[list(PAIR_FEATURES)].to_numpy(float)
        outcome = some["right"].to_numpy(bool)
        fitted[kind] = (
            logistic_regression(features, outcome, PAIR_FEATURES) if known else None
        )
    return fitted


def logistic_regression(
    features: np.ndarray,
    outcome: np.ndarray,
    names: Iterable[str],
    ridge: float = RIDGES[0],
) -> dict[str, float]:
    """Logistic regression by maximum likelihood.

    A ridge on the standardised features keeps the coefficients finite where the outcome
    can be told without error.

    Parameters
    ----------
    features : ndarray of float, shape (n, k)
    outcome : ndarray of bool, shape (n,)
    names : iterable of str
        Names of the k features.
    ridge : float
        Weight of half the sum of the squared coefficients, beside the mean loss.

    Returns
    -------
    dict
        ``intercept`` and one coefficient a feature, for features as they are.
    """
    intercept, slopes = _most_likely(features, outcome, ridge)
    fitted = zip(("intercept", *names), (intercept, *slopes), strict=True)
    return {name: float(value) for name, value in fitted}


def _most_likely(
    features: np.ndarray, outcome: np.ndarray, ridge: float
) -> tuple[float, np.ndarray]:
    """Intercept and slopes of `logistic_regression`."""
    features = np.asarray(features, float)
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = design @ weights
        loss = _surprises(score, outcome)
        gradient = design.T @ (expit(score) - outcome) / len(outcome)
        pull = ridge * np.r_[0, weights[1:]]
        return loss.mean() + pull @ weights / 2, gradient + pull

    fitted = minimize(cost, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    slopes = fitted[1:] / spread
    return fitted[0] - slopes @ mean, slopes


def _surprises(score: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Negative log likelihood of every outcome, by its log odds."""
    return np.logaddexp(0, score) - outcome * score
