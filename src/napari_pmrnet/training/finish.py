"""From trained to usable: channels that only helped training cut off, certainty fitted.

The targets beside those that `segment` reads make the shared layers better and cost
nothing once they are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.evaluation.instance import best_iou
from napari_pmrnet.pretrained.model import Model
from napari_pmrnet.segmentation import objects, segment
from napari_pmrnet.segmentation.certainty import FEATURES, pixel_features

USED_CHANNELS = ("probability", "flow_y", "flow_x")
PIXELS_AN_IMAGE = 4000
RIDGE = 1e-4


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
    heads = {"head.2.weight", "head.2.bias"}
    return {
        name: tensor[rows].clone() if name in heads else tensor
        for name, tensor in state.items()
    }


def fit_certainty(
    model: Model, dataset: PackedDataset, seed: int = 0
) -> dict[str, float]:
    """Fit the certainty of a pixel on labelled images.

    Parameters
    ----------
    model : Model
    dataset : PackedDataset
        Images the network was not trained on.
    seed : int
        Seed of the choice of pixels, `PIXELS_AN_IMAGE` an image.

    Returns
    -------
    dict
        ``intercept`` and a coefficient for each of `certainty.FEATURES`.
    """
    rng = np.random.default_rng(seed)
    features, right = [], []
    for image_id in dataset.ids:
        image, truth = dataset.load(image_id)
        maps = segment(image, model=model, extra_maps=True).maps
        chosen = rng.integers(truth.size, size=PIXELS_AN_IMAGE)
        values = pixel_features(maps)
        features.append([values[name].ravel()[chosen] for name in FEATURES])
        correct = (maps["probability"] > 0.5) == (truth > 0)
        right.append(correct.ravel()[chosen])
    return logistic_regression(
        np.concatenate(features, axis=1).T, np.concatenate(right), FEATURES
    )


def fit_object_certainty(
    model: Model, dataset: PackedDataset
) -> dict[str, float] | None:
    """Fit the certainty of a nucleus on labelled images.

    Parameters
    ----------
    model : Model
        With the certainty of pixels fitted.
    dataset : PackedDataset
        Images the network was not trained on.

    Returns
    -------
    dict or None
        ``intercept`` and a coefficient for each of `objects.FEATURES`; None if the
        model finds no nucleus.
    """
    features, right = [], []
    for image_id in dataset.ids:
        image, truth = dataset.load(image_id)
        result = segment(image, model=model)
        features.append(
            objects.object_features(result.labels, result.maps, result.flows)
        )
        right.append(best_iou(truth, result.labels) >= objects.RIGHT_IOU)
    if not sum(map(len, right)):
        return None
    return logistic_regression(
        np.concatenate(features), np.concatenate(right), objects.FEATURES
    )


def logistic_regression(
    features: np.ndarray, outcome: np.ndarray, names: Iterable[str]
) -> dict[str, float]:
    """Logistic regression by maximum likelihood.

    A ridge of `RIDGE` on the standardised features keeps the coefficients finite where
    the outcome can be told without error.

    Parameters
    ----------
    features : ndarray of float, shape (n, k)
    outcome : ndarray of bool, shape (n,)
    names : iterable of str
        Names of the k features.

    Returns
    -------
    dict
        ``intercept`` and one coefficient a feature, for features as they are.
    """
    features = np.asarray(features, float)
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = design @ weights
        loss = np.logaddexp(0, score) - outcome * score
        gradient = design.T @ (expit(score) - outcome) / len(outcome)
        ridge = RIDGE * np.r_[0, weights[1:]]
        return loss.mean() + ridge @ weights / 2, gradient + ridge

    fitted = minimize(cost, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    slopes = fitted[1:] / spread
    keys = ("intercept", *names)
    values = (fitted[0] - slopes @ mean, *slopes)
    return {name: float(value) for name, value in zip(keys, values, strict=True)}
