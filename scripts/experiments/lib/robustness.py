"""The same nuclei under other conditions: how much of the score is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.transform import resize

from napari_pmrnet.errors import ImageError
from napari_pmrnet.evaluation.instance import Match, average_precision, match
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Settings, segment

Case = tuple[np.ndarray, np.ndarray]
Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], Case]
CROP = 64


def rescaled(factor: float) -> Change:
    """Change the size by a factor; shrinking averages, labels keep their values."""

    def change(image: np.ndarray, labels: np.ndarray, _: object) -> Case:
        shape = tuple(max(1, round(factor * n)) for n in labels.shape)
        scaled = resize(
            image.astype(np.float32), (*shape, *image.shape[2:]), anti_aliasing=True
        )
        moved = resize(labels, shape, order=0, anti_aliasing=False, preserve_range=True)
        return scaled, moved.astype(labels.dtype)

    return change


def sixteen_bit(image: np.ndarray, labels: np.ndarray, _: object) -> Case:
    """Twelve of sixteen bits used, above a pedestal of 1000."""
    return (image.astype(np.uint16) * 16 + 1000), labels


def inverted(image: np.ndarray, labels: np.ndarray, _: object) -> Case:
    """Bright for dark."""
    return image.max() - image, labels


def vignetted(image: np.ndarray, labels: np.ndarray, _: object) -> Case:
    """Light falling off with the square of the distance, to 40 % in the corners."""
    y, x = (np.linspace(-1, 1, n) for n in labels.shape)
    light = 1 - 0.3 * (y[:, None] ** 2 + x**2)
    return image * light.reshape(*labels.shape, *[1] * (image.ndim - 2)), labels


def blurred(image: np.ndarray, labels: np.ndarray, _: object) -> Case:
    """Gaussian blur, sigma of two pixels."""
    sigma = (2, 2, *[0] * (image.ndim - 2))
    return ndimage.gaussian_filter(image.astype(np.float32), sigma), labels


def photon_noise(photons: float) -> Change:
    """Photon noise, with so many photons at the brightest pixel."""

    def change(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Case:
        light = image / max(1, image.max()) * photons
        return rng.poisson(light).astype(np.float32), labels

    return change


def cropped(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Case:
    """A crop of `CROP` pixels around a pixel of a nucleus."""
    ys, xs = np.nonzero(labels)
    pick = rng.integers(len(ys)) if len(ys) else None
    box = []
    for place, n in zip((ys, xs), labels.shape, strict=True):
        middle = n // 2 if pick is None else int(place[pick])
        start = min(max(0, middle - CROP // 2), max(0, n - CROP))
        box.append(slice(start, start + CROP))
    return image[tuple(box)], labels[tuple(box)]


CHANGES: dict[str, Change] = {
    "as they are": lambda image, labels, _: (image, labels),
    "x 0.5": rescaled(0.5),
    "x 2": rescaled(2),
    "x 3": rescaled(3),
    "16 bit": sixteen_bit,
    "inverted": inverted,
    "vignetted": vignetted,
    "blurred, sigma 2": blurred,
    "noisy, peak 30": photon_noise(30),
    "cropped to 64": cropped,
}


def robustness(
    model: Model,
    cases: Iterable[Case],
    settings: Settings | None = None,
    changes: dict[str, Change] = CHANGES,
    progress: Callable[[str, float, float], None] = lambda *_: None,
) -> pd.DataFrame:
    """AP at IoU 0.5 under every change, and the points lost against the first.

    Parameters
    ----------
    model : Model
    cases : iterable of (ndarray, ndarray)
        8-bit image and true labels.
    settings : Settings, optional
    changes : dict
        The first one is what the others are compared with.
    progress : callable
        Called with every change and its two APs as soon as they are known.

    Returns
    -------
    DataFrame
        One row a change: AP ``pooled`` over nuclei and mean ``per image``, and the
        points ``lost`` of the latter. An image that becomes constant, which cannot be
        segmented, counts as one without labels.
    """
    cases, rows = list(cases), {}
    for name, change in changes.items():
        matches = []
        for number, (image, truth) in enumerate(cases):
            rng = np.random.default_rng(number)
            matches += _score(model, *change(image, truth, rng), settings)
        pooled, mean = average_precision(matches)
        rows[name] = {"pooled": pooled, "per image": mean}
        progress(name, pooled, mean)
    table = pd.DataFrame(rows).T
    return table.assign(lost=100 * (table["per image"].iloc[0] - table["per image"]))


def _score(
    model: Model, image: np.ndarray, truth: np.ndarray, settings: Settings | None
) -> list[Match]:
    try:
        labels = segment(image, settings, model).labels
    except ImageError:
        labels = np.zeros_like(truth)
    return match(truth, labels, [0.5])
