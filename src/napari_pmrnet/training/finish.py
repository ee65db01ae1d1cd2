"""From trained to usable: channels that only helped training cut off, certainty fitted.

The targets beside those that `segment` reads make the shared layers better and cost
nothing once they are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import minimize
from torch import Tensor

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.pretrained.model import Model
from napari_pmrnet.segmentation import segment
from napari_pmrnet.segmentation.certainty import FEATURES, pixel_features

USED_CHANNELS = ("probability", "flow_y", "flow_x")
PIXELS_AN_IMAGE = 4000


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


def logistic_regression(
    features: np.ndarray, outcome: np.ndarray, names: Iterable[str]
) -> dict[str, float]:
    """Maximum-likelihood logistic regression.

    Parameters
    ----------
    features : ndarray of float, shape (n, k)
    outcome : ndarray of bool, shape (n,)
    names : iterable of str
        Names of the k features.

    Returns
    -------
    dict
        ``intercept`` and one coefficient a feature.
    """
    design = np.column_stack([np.ones(len(features)), features]).astype(float)

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = design @ weights
        loss = np.logaddexp(0, score) - outcome * score
        gradient = design.T @ (1 / (1 + np.exp(-score)) - outcome)
        return loss.mean(), gradient / len(outcome)

    fitted = minimize(cost, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B")
    keys = ("intercept", *names)
    return {name: float(w) for name, w in zip(keys, fitted.x, strict=True)}
