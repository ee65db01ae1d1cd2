"""Training samples: images as in use, targets computed once, random crops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.models.label_kind import whole_scale
from napari_pmrnet.segmentation.diameter import (
    LEAST_SCALE,
    MOST_SCALE,
    SMALL,
    typical_diameter,
    working_scale,
)
from napari_pmrnet.segmentation.plane import prepare
from napari_pmrnet.settings import AUTOMATIC
from napari_pmrnet.training.augment import (
    Augmentation,
    Sample,
    change_intensity,
    change_stains,
    is_bright_field,
    random_crop,
)
from napari_pmrnet.training.targets import assemble, gradient_flows, inner_distance

STAINING = 7
"""Of the random numbers that change stains."""


def without_specks(labels: np.ndarray, area: float) -> np.ndarray:
    """Labels (H, W) with nuclei of fewer pixels made unknown, -1."""
    specks = np.bincount(np.maximum(labels, 0).ravel()) < area
    specks[0] = False
    return np.where(specks[np.maximum(labels, 0)], -1, labels)


def make_sample(
    image: np.ndarray, labels: np.ndarray, limits: str = AUTOMATIC
) -> Sample:
    """Normalise an image and compute the targets that need whole nuclei.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, 3)
    labels : ndarray of int, shape (H, W)
        Below 0 where nothing is known: such pixels take no part in the loss.
    limits : str
        Intensity limits, as for `prepare`.
    """
    pixels = _pixels(image, limits)
    nuclei, _ = number_labels(np.maximum(labels, 0))
    labels = np.where(labels < 0, labels, nuclei).astype(np.int32)
    distance = np.round(255 * inner_distance(nuclei)).astype(np.uint8)
    flows = np.round(127 * gradient_flows(nuclei)).astype(np.int8)
    return Sample(
        pixels,
        torch.from_numpy(labels[None]),
        torch.from_numpy(distance[None]),
        torch.from_numpy(flows),
        working_scale(typical_diameter(nuclei) or SMALL),
    )


def make_whole_sample(
    image: np.ndarray, labels: np.ndarray, side: int, most: float = 1.35
) -> Sample:
    """A sample of objects or classes, which a crop of `side` pixels holds whole.

    It is resized once, to what the nearest crops need, so that a data set of large
    photographs fits into memory.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, 3)
    labels : ndarray of int, shape (H, W)
        Below 0 where nothing is known.
    side : int
    most : float
        Longer side of the sample, in `side`.
    """
    factor = most * whole_scale(side, labels.shape)
    height, width = (max(1, round(n * factor)) for n in labels.shape)
    size = height, width
    pixels = F.interpolate(
        _pixels(image)[None].float(), size, mode="bilinear", antialias=True
    )
    known = torch.from_numpy(labels.astype(np.float64))[None, None]
    known = F.interpolate(known, size, mode="nearest-exact")
    return Sample(
        pixels[0].round().to(torch.uint8),
        known[0].to(torch.int32),
        torch.zeros(1, *size, dtype=torch.uint8),
        torch.zeros(2, *size, dtype=torch.int8),
        whole_scale(side, size),
    )


def _pixels(image: np.ndarray, limits: str = AUTOMATIC) -> Tensor:
    """An image as `prepare` gives it, as uint8 (C, H, W)."""
    planes = prepare(image, limits=limits)[: 1 if image.ndim == 2 else 3]
    return torch.from_numpy(np.round(255 * planes).astype(np.uint8))


def sampling_weights(
    modalities: Sequence[str],
    areas: Sequence[float],
    balance: float,
    relative: Sequence[float] | float = 1.0,
) -> np.ndarray:
    """Probability of each image to be drawn.

    Parameters
    ----------
    modalities : sequence of str
        Imaging type of each image; those of which none is known are of one type.
    areas : sequence of float
        Pixels of each image as the network sees it; a larger one is drawn more often,
        by its fourth root.
    balance : float
        0 draws every image alike, 1 every modality.
    relative : sequence of float, optional
        How much more often each image is drawn than it would be.
    """
    modalities = [str(modality) for modality in modalities]
    names, counts = np.unique(modalities, return_counts=True)
    number = dict(zip(names, counts, strict=True))
    weights = np.array([number[m] ** -balance for m in modalities])
    weights = weights * np.asarray(areas, float) ** 0.25 * np.asarray(relative)
    return weights / weights.sum()


@dataclass
class CropSource:
    """Draws batches of random crops; the same seed and step give the same batch.

    Parameters
    ----------
    samples : sequence of Sample
    weights : ndarray
        Probability of each sample.
    augmentation : Augmentation
    seed : int
    classes : int
        Number of channels for classes in the targets.
    touching : float
        What pixels close to another nucleus count more, see `LossWeights`.
    """

    samples: Sequence[Sample]
    weights: np.ndarray
    augmentation: Augmentation
    seed: int
    classes: int = 0
    touching: float = 0.0

    def batch(self, step: int, batch_size: int, size: int) -> tuple[Tensor, Tensor]:
        """Images (B, 3, size, size) and their targets, see `assemble`."""
        rng = np.random.default_rng((self.seed, step))
        # Of its own, so that a recipe with stains has the crops of one without.
        stains = np.random.default_rng((self.seed, step, STAINING))
        how = self.augmentation
        crops = []
        for index in rng.choice(len(self.samples), batch_size, p=self.weights):
            sample = self.samples[index]
            scale = random_scale(sample, size, how, rng)
            image, *targets = random_crop(sample, size, scale, rng, how.stretch)
            colour = sample.image.shape[0] == 3
            if colour and stains.random() < how.stain and is_bright_field(sample):
                image = change_stains(image, stains)
            image = change_intensity(image, colour, how, rng)
            crops.append((image, *targets))
        images, labels, distance, flows = map(torch.stack, zip(*crops, strict=True))
        targets = labels, distance, flows
        return images, assemble(*targets, self.classes, self.touching)


def random_scale(
    sample: Sample, size: int, how: Augmentation, rng: np.random.Generator
) -> float:
    """Log-uniform scale around the one at which the network sees an image in use.

    Of a crop of `size` pixels; see `Augmentation` for the range.
    """
    low, high = how.scale_low, how.scale_high
    if rng.random() < how.far:
        whole = size / min(sample.labels.shape[-2:]) / sample.scale
        high, low = low, min(low, max(how.far_low, whole))
    factor = np.exp(rng.uniform(np.log(low), np.log(high)))
    return float(np.clip(sample.scale * factor, LEAST_SCALE, MOST_SCALE))


def make_samples(
    pairs: Iterable[tuple[str, np.ndarray, np.ndarray]],
    count: int,
    progress: Callable[[int, int], None] | None = None,
    make: Callable[[np.ndarray, np.ndarray], Sample] = make_sample,
) -> list[Sample]:
    """Samples of so many (id, image, labels) triples, with a call after each.

    Raises
    ------
    ImageError
        If one of the images cannot be seen by the network; names it.
    """
    samples = []
    for done, (image_id, image, labels) in enumerate(pairs, start=1):
        try:
            samples.append(make(image, labels))
        except ImageError as error:
            raise ImageError(f"{image_id}: {error}") from error
        if progress is not None:
            progress(done, count)
    return samples
