"""Random crops: one similarity transform and one change of intensity a crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

LIGHT, COLOURED = 110, 8
"""Mean of a bright-field image from 0 to 255, and mean range of its colours."""


@dataclass(frozen=True)
class Augmentation:
    """Ranges and probabilities of the random changes.

    ``scale_low`` and ``scale_high`` count from the scale at which the network sees an
    image in use (`segmentation.diameter.working_scale`). With the probability ``far`` a
    crop shows its image from further away, down to ``far_low`` or until it holds the
    whole image: so the network learns what is no nucleus although it has the size of
    one. ``stain`` is the probability that the stains of a bright-field crop become
    stronger, weaker and of another hue.
    """

    scale_low: float = 0.55
    scale_high: float = 1.8
    far: float = 0.15
    far_low: float = 0.12
    stretch: float = 0.15
    gamma: float = 0.5
    contrast: float = 0.25
    colour: float = 0.12
    grey: float = 0.15
    invert: float = 0.2
    noise: float = 0.04
    shot_noise: float = 0.15
    blur: float = 0.3
    coarse: float = 0.25
    uneven_light: float = 0.2
    stain: float = 0.0


@dataclass(frozen=True)
class Sample:
    """One training image with its precomputed targets, as compact tensors.

    image (C, H, W) uint8 with C of 1 or 3; labels (1, H, W) int32, below 0 where
    nothing is known; distance (1, H, W) uint8, 0-255 for 0-1; flows (2, H, W) int8,
    -127-127 for -1-1; scale: pixels the network sees for each of the image.
    """

    image: Tensor
    labels: Tensor
    distance: Tensor
    flows: Tensor
    scale: float = 1.0


def random_crop(
    sample: Sample,
    size: int,
    scale: float,
    rng: np.random.Generator,
    stretch: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A rotated, flipped, scaled and stretched crop.

    Parameters
    ----------
    sample : Sample
    size : int
        Side of the crop in pixels.
    scale : float
        Pixels of the crop for each pixel of the image.
    rng : numpy.random.Generator
    stretch : float
        Largest logarithm by which one axis grows and the other shrinks.

    Returns
    -------
    image (3, size, size) in [0, 1], labels (1, size, size), distance (1, size, size),
    flows (2, size, size) : Tensor
        float32.
    """
    image, height, width = sample.image, *sample.labels.shape[-2:]
    linear = _stretch(stretch, rng) @ _rotation(rng)
    centre = _centre((height, width), sample.labels, size / scale, rng)
    grid = _grid(linear / scale, centre, size)
    shrink = 2 ** int(np.clip(np.ceil(np.log2(0.65 / scale)), 0, 3))
    low, high = grid.amin(dim=(0, 1)).tolist(), grid.amax(dim=(0, 1)).tolist()
    margin = 2 * shrink
    left, top = (max(0, int(v) - margin) for v in low)
    right = min(width, int(high[0]) + margin + 1)
    bottom = min(height, int(high[1]) + margin + 1)
    box = (slice(None), slice(top, bottom), slice(left, right))
    stacked = torch.cat([sample.labels[box], sample.distance[box], sample.flows[box]])
    extent = torch.tensor([right - left, bottom - top])
    offset = torch.tensor([left, top])
    unit = 2 * (grid - offset + 0.5) / extent - 1
    nearest = _sample(stacked.float(), unit, "nearest")
    patch = image[box].float() / 255
    if shrink > 1 and min(patch.shape[-2:]) >= 2 * shrink:
        smaller = [round(n / shrink) for n in patch.shape[-2:]]
        patch = F.interpolate(patch[None], smaller, mode="area")[0]
    crop = _sample(patch, unit, "bilinear")
    turned = torch.einsum("ij,jhw->ihw", torch.linalg.inv(linear), nearest[[3, 2]])
    turned = turned / turned.norm(dim=0, keepdim=True).clamp(min=1e-6)
    return (
        crop.expand(3, -1, -1).clone(),
        nearest[:1],
        nearest[1:2] / 255,
        turned.flip(0),
    )


def _sample(source: Tensor, unit: Tensor, mode: str) -> Tensor:
    """Read (C, h, w) at normalised places (H, W, 2), mirrored at the edges."""
    return F.grid_sample(
        source[None],
        unit[None],
        mode=mode,
        padding_mode="reflection",
        align_corners=False,
    )[0]


def _rotation(rng: np.random.Generator) -> Tensor:
    """Rotation, half of the times by a multiple of 90 degrees, with a random flip.

    Maps an offset (x, y) in the crop to one in the image.
    """
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.5:
        angle = rng.integers(4) * np.pi / 2
    cos, sin = np.cos(angle), np.sin(angle)
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float32)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    return turn @ torch.diag(torch.tensor([flip, 1.0]))


def _stretch(most: float, rng: np.random.Generator) -> Tensor:
    """One axis of the image longer, the other shorter, by the same factor."""
    log = rng.uniform(-most, most)
    return torch.diag(torch.tensor([np.exp(log), np.exp(-log)]).float())


def _centre(
    shape: tuple[int, int], labels: Tensor, view: float, rng: np.random.Generator
) -> Tensor:
    """Centre (x, y) of the crop in the image: near a nucleus half of the times.

    A crop of side `view`, in pixels of the image, stays inside where it fits, turned
    corners aside: what is mirrored beyond a border teaches little.
    """
    height, width = shape
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    if rng.random() < 0.5:
        ys, xs = torch.nonzero(labels[0, ::4, ::4] > 0, as_tuple=True)
        if len(ys):
            pick = int(rng.integers(len(ys)))
            x, y = 4.0 * float(xs[pick]), 4.0 * float(ys[pick])
    x = float(np.clip(x, min(view, width) / 2, max(width - view / 2, width / 2)))
    y = float(np.clip(y, min(view, height) / 2, max(height - view / 2, height / 2)))
    return torch.tensor([x, y])


def _grid(linear: Tensor, centre: Tensor, size: int) -> Tensor:
    """Places (x, y) in the image of every pixel of the crop, (size, size, 2)."""
    steps = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], dim=-1) @ linear.T + centre


def change_intensity(
    image: Tensor, colour: bool, how: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Random gamma, contrast, colour, inversion, uneven light, blur and noise.

    Shapes: (3, H, W) in [0, 1] -> the same.
    """
    if colour:
        if rng.random() < how.grey:
            image = image.mean(dim=0, keepdim=True).expand(3, -1, -1)
        shift = torch.from_numpy(rng.normal(0, how.colour, (2, 3, 1, 1))).float()
        image = (image * (1 + shift[0]) + shift[1]).clamp(0, 1)
    if rng.random() < how.invert:
        image = 1 - image
    image = image.clamp(0, 1) ** float(np.exp(rng.uniform(-how.gamma, how.gamma)))
    gain = 1 + rng.uniform(-how.contrast, how.contrast)
    image = image * gain + rng.uniform(-how.contrast, how.contrast) / 3
    if rng.random() < how.uneven_light:
        coarse = torch.from_numpy(rng.uniform(0.5, 1.2, (1, 1, 3, 3))).float()
        light = F.interpolate(
            coarse, image.shape[-2:], mode="bicubic", align_corners=True
        )
        image = image * light[0]
    if rng.random() < how.blur:
        image = _gaussian_blur(image, rng.uniform(0.5, 3.0))
    if rng.random() < 0.5:
        image = _noisy(image, colour, how, rng)
    if rng.random() < how.coarse:
        image = _coarse(image, rng.uniform(1.2, 3.0))
    return image.clamp(0, 1)


STAINS = torch.tensor([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical densities of haematoxylin, eosin and DAB in red, green and blue.

A. C. Ruifrok and D. A. Johnston, "Quantification of histochemical staining by color
deconvolution", Analytical and Quantitative Cytology and Histology 23, 2001, 291-299.
"""

HUE, STRENGTH = 0.15, 0.25
"""Spread of the logarithms of a stain's colours, and of its amount."""


def change_stains(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Other amounts and hues of the stains, in optical densities.

    Shapes: (3, H, W) in [0, 1] -> the same.
    """
    density = -torch.log(image.clamp(1 / 255, 1))
    stains = F.normalize(STAINS, dim=1)
    turned = stains * torch.from_numpy(np.exp(rng.normal(0, HUE, (3, 3)))).float()
    turned = F.normalize(turned, dim=1)
    amounts = torch.einsum("chw,cs->shw", density, torch.linalg.inv(stains))
    gain = torch.from_numpy(np.exp(rng.normal(0, STRENGTH, (3, 1, 1)))).float()
    return torch.exp(-torch.einsum("shw,sc->chw", amounts * gain, turned)).clamp(0, 1)


def is_bright_field(sample: Sample) -> bool:
    """Tell whether an image has a light ground and more colour than a grey one."""
    if sample.image.shape[0] != 3:
        return False
    thinned = sample.image[:, ::8, ::8].float()
    colour = (thinned.amax(0) - thinned.amin(0)).mean()
    return bool(thinned.mean() > LIGHT and colour > COLOURED)


def _noisy(
    image: Tensor, colour: bool, how: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Noise of the camera and of the light, the latter growing with the root of it."""
    sigma = rng.uniform(0, how.noise)
    shot = rng.uniform(0, how.shot_noise)
    noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    strength = (sigma**2 + shot**2 * image.clamp(0, 1)).sqrt()
    return image + strength * (noise if colour else noise[:1])


def _coarse(image: Tensor, factor: float) -> Tensor:
    """An image (C, H, W) taken with pixels `factor` times as large, and enlarged."""
    size = [max(1, round(n / factor)) for n in image.shape[-2:]]
    small = F.interpolate(image[None], size, mode="bilinear", antialias=True)
    return F.interpolate(small, image.shape[-2:], mode="bilinear")[0]


def _gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian blur of (C, H, W)."""
    radius = int(3 * sigma + 0.5)
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    stack = F.pad(image[:, None], (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(stack, kernel), kernel.transpose(2, 3))[:, 0]
