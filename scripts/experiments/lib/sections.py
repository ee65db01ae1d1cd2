"""Made tissue sections: annotated nuclei cut out and packed until they touch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage as ndi
from skimage.measure import regionprops
from skimage.transform import AffineTransform, warp

LEAST_AREA, MOST_AREA = 180, 12000
LEAST_SOLIDITY, MOST_ECCENTRICITY = 0.9, 0.93
FAINTEST = 0.06
MARGIN = 3
COVERED, COVERING = 0.28, 0.3
"""Share of a nucleus that others may hide, and that may lie on others."""


@dataclass(frozen=True)
class Cutout:
    """A nucleus: light (H, W), 1 in its mean, mask (H, W), diameter in pixels."""

    light: np.ndarray
    mask: np.ndarray
    diameter: float


def cut_out(image: np.ndarray, labels: np.ndarray) -> list[Cutout]:
    """Whole, round and bright nuclei of a fluorescence image, without background.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, C)
        Of any range of intensities.
    labels : ndarray of int, shape (H, W)
    """
    light = image.astype(np.float32)
    light = light if light.ndim == 2 else light[..., :3].mean(-1)
    low, high = np.percentile(light, (1, 99.8))
    light = np.clip((light - low) / max(high - low, 1e-6), 0, 1.5)
    found = []
    for region in regionprops(labels):
        if _is_whole(region, labels.shape):
            top, left, bottom, right = region.bbox
            window = (
                slice(top - MARGIN, bottom + MARGIN),
                slice(left - MARGIN, right + MARGIN),
            )
            cut = _without_surroundings(light[window], labels[window], region.label)
            mean = cut[labels[window] == region.label].mean()
            if mean >= FAINTEST:
                mask = labels[window] == region.label
                diameter = float(np.sqrt(4 * region.area / np.pi))
                found.append(Cutout(cut / mean, mask, diameter))
    return found


def _is_whole(region, shape: tuple[int, int]) -> bool:
    top, left, bottom, right = region.bbox
    inside = min(top, left) >= MARGIN
    inside &= bottom <= shape[0] - MARGIN and right <= shape[1] - MARGIN
    return (
        inside
        and LEAST_AREA <= region.area <= MOST_AREA
        and region.solidity >= LEAST_SOLIDITY
        and region.eccentricity <= MOST_ECCENTRICITY
    )


def _without_surroundings(
    light: np.ndarray, labels: np.ndarray, label: int
) -> np.ndarray:
    """Light of one nucleus above its background, fading out at its outline."""
    mask = labels == label
    free = ~ndi.binary_dilation(labels > 0, iterations=2)
    background = np.median(light[free]) if free.sum() > 8 else light.min()
    wider = ndi.binary_dilation(mask)
    soft = ndi.gaussian_filter(wider.astype(np.float32), 0.8)
    soft[(labels > 0) & ~mask & ~wider] *= 0.3
    return np.clip(light - background, 0, None) * soft


def smooth_noise(rng: np.random.Generator, side: int, sigma: float) -> np.ndarray:
    """Gaussian noise (side, side) blurred by `sigma` pixels, from 0 to 1."""
    noise = ndi.gaussian_filter(rng.standard_normal((side, side)), sigma)
    noise -= noise.min()
    return noise / noise.max()


def turned(
    nucleus: Cutout,
    diameter: float,
    stretch: float,
    angle: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Light and mask of a nucleus at a diameter, stretched along an angle.

    It is turned at random before it is stretched, and mirrored half of the time.
    """
    zoom = diameter / nucleus.diameter
    side = int(np.ceil(max(nucleus.light.shape) * zoom * max(stretch, 1) * 1.5)) + 4
    middle = np.array(nucleus.light.shape[::-1]) / 2 - 0.5
    change = (
        AffineTransform(translation=-middle)
        + AffineTransform(rotation=rng.uniform(0, 2 * np.pi))
        + AffineTransform(scale=(zoom * stretch**0.5, zoom / stretch**0.5))
        + AffineTransform(rotation=angle)
        + AffineTransform(translation=(side / 2 - 0.5, side / 2 - 0.5))
    ).inverse
    step = -1 if rng.random() < 0.5 else 1
    light, mask = nucleus.light[:, ::step], nucleus.mask[:, ::step]
    shape = (side, side)
    drawn = warp(light, change, output_shape=shape, order=1).astype(np.float32)
    covered = warp(mask.astype(np.float32), change, output_shape=shape, order=1)
    return drawn, covered > 0.5


@dataclass
class Section:
    """A made section of `side` pixels a side while it fills.

    Parameters
    ----------
    pool : list of Cutout
        Nuclei to choose from.
    rng : Generator
    side : int
    """

    pool: list[Cutout]
    rng: np.random.Generator
    side: int = 288
    light: np.ndarray = field(init=False)
    labels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.light = np.zeros((self.side, self.side), np.float32)
        self.labels = np.zeros((self.side, self.side), np.int32)
        self._whole: dict[int, int] = {}
        self._hidden: dict[int, int] = {}

    def make(self) -> tuple[np.ndarray, np.ndarray]:
        """Pack nuclei, blur others over them, and take a picture.

        Returns
        -------
        image : ndarray of uint8, shape (side, side)
        labels : ndarray of uint16, shape (side, side)
        """
        rng, side = self.rng, self.side
        diameter = rng.uniform(17, 30)
        aligned = rng.random() < 0.55
        direction = rng.uniform(0, np.pi)
        bend = (smooth_noise(rng, side, 40) - 0.5) * rng.uniform(0, 2.5)
        stretch = rng.uniform(1.1, 1.9) if aligned else 1.0
        gap = rng.uniform(0.82, 1.08)
        sizes, gains = rng.uniform(0.08, 0.25), rng.uniform(0.1, 0.45)
        tissue = smooth_noise(rng, side, rng.uniform(15, 60)) > (
            0 if rng.random() < 0.5 else rng.uniform(0.2, 0.5)
        )
        filled = rng.uniform(0.85, 1.0)
        sites = self._sites(diameter * gap, stretch, direction)
        dotted = rng.random() < 0.25
        for x, y in sites:
            inside = -diameter < min(x, y) and max(x, y) < side + diameter
            if not inside or rng.random() > filled:
                continue
            column, row = np.clip([round(x), round(y)], 0, side - 1)
            if not tissue[row, column]:
                continue
            angle = direction + bend[row, column] if aligned else rng.uniform(0, np.pi)
            longer = (
                stretch * np.exp(rng.normal(0, 0.12))
                if aligned
                else np.exp(abs(rng.normal(0, 0.18)))
            )
            nucleus = self.pool[rng.integers(len(self.pool))]
            size = diameter * np.exp(rng.normal(0, sizes))
            patch = turned(nucleus, size, longer, angle, rng)
            self._add(*patch, (round(y), round(x)), gains, dotted)
        self._blur_others_over(diameter)
        return self._picture(tissue), self._visible_labels()

    def _sites(self, distance: float, stretch: float, direction: float) -> np.ndarray:
        """Places (n, 2), x and y, of a jittered triangular lattice, in random order."""
        rng, side = self.rng, self.side
        along, across = distance * stretch**0.5, distance / stretch**0.5
        u, v = np.meshgrid(
            np.arange(-side / along - 2, side / along + 2),
            np.arange(-side / across - 2, side / across + 2),
        )
        u = u + 0.5 * (np.round(v).astype(int) % 2)
        u = u * along + rng.normal(0, 0.13 * along, u.shape)
        v = v * across * 0.92 + rng.normal(0, 0.13 * across, v.shape)
        x = side / 2 + u * np.cos(direction) - v * np.sin(direction)
        y = side / 2 + u * np.sin(direction) + v * np.cos(direction)
        sites = np.column_stack([x.ravel(), y.ravel()])
        rng.shuffle(sites)
        return sites

    def _add(
        self,
        light: np.ndarray,
        mask: np.ndarray,
        middle: tuple[int, int],
        gains: float,
        dotted: bool,
    ) -> None:
        """Lay a nucleus over those that are there, unless it would hide too much."""
        rng, side = self.rng, self.side
        size = len(light)
        top, left = middle[0] - size // 2, middle[1] - size // 2
        rows = slice(max(top, 0), min(top + size, side))
        columns = slice(max(left, 0), min(left + size, side))
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return
        part = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        light, mask, window = light[part], mask[part], (rows, columns)
        area = int(mask.sum())
        if area < 20:
            return
        below = self.labels[window][mask]
        under, counts = np.unique(below[below > 0], return_counts=True)
        if counts.sum() > COVERING * area or any(
            self._hidden[i] + n > COVERED * self._whole[i]
            for i, n in zip(under, counts, strict=True)
        ):
            return
        gain = np.exp(rng.normal(0, gains))
        if dotted:
            light = self._with_dots(light, mask)
        shaded = 1.0 if len(under) == 0 else rng.uniform(0.7, 1)
        self.light[window] += gain * light * shaded
        for i, n in zip(under, counts, strict=True):
            self._hidden[i] += int(n)
        label = len(self._whole) + 1
        self.labels[window][mask] = label
        self._whole[label], self._hidden[label] = area, 0

    def _with_dots(self, light: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Add bright spots, as the chromocentres of the mouse."""
        rng = self.rng
        count = rng.integers(2, 7)
        rows, columns = np.nonzero(ndi.binary_erosion(mask, iterations=2))
        if not len(rows):
            return light
        chosen = rng.integers(len(rows), size=count)
        spots = np.zeros_like(light)
        spots[rows[chosen], columns[chosen]] = 1
        spots = ndi.gaussian_filter(spots, rng.uniform(1.0, 2.0))
        return light + mask * spots / max(spots.max(), 1e-6) * rng.uniform(0.4, 1.2)

    def _blur_others_over(self, diameter: float) -> None:
        """Add nuclei that are out of focus and have no label, mostly."""
        rng, side = self.rng, self.side
        if rng.random() >= 0.8:
            return
        others = np.zeros_like(self.light)
        for _ in range(int(rng.uniform(0.1, 0.7) * (side / diameter) ** 2)):
            nucleus = self.pool[rng.integers(len(self.pool))]
            size, longer = diameter * rng.uniform(0.8, 1.3), rng.uniform(1, 1.5)
            light, _ = turned(nucleus, size, longer, rng.uniform(0, np.pi), rng)
            light = light[:side, :side]
            size = len(light)
            top, left = rng.integers(0, side - size + 1, 2)
            others[top : top + size, left : left + size] += light
        share = rng.uniform(0.1, 0.5)
        sigma = diameter * rng.uniform(0.18, 0.5)
        self.light += share * ndi.gaussian_filter(others, sigma)

    def _picture(self, tissue: np.ndarray) -> np.ndarray:
        """Haze, uneven light, a lens and a camera that counts photons."""
        rng, side = self.rng, self.side
        light = self.light
        light += rng.uniform(0, 0.35) * smooth_noise(rng, side, rng.uniform(10, 50))
        glow = ndi.gaussian_filter(tissue.astype(np.float32), 5)
        light += rng.uniform(0, 0.15) * glow
        light *= 1 - rng.uniform(0, 0.5) * smooth_noise(rng, side, 60)
        light = ndi.gaussian_filter(light, rng.uniform(0, 1.3))
        if rng.random() < 0.3:
            light = np.maximum(light, 0) ** rng.uniform(0.7, 1.2)
        light = light / np.percentile(light, 99.7) * 0.85
        photons = 10 ** rng.uniform(2.2, 3.6)
        counted = rng.poisson(np.clip(light, 0, None) * photons) / photons
        counted = counted + rng.normal(0, rng.uniform(0, 0.012), light.shape)
        return (np.clip(counted, 0, 1) * 235 + 8).astype(np.uint8)

    def _visible_labels(self) -> np.ndarray:
        """Labels without the smaller pieces of nuclei that others cut in two."""
        labels = self.labels
        for label, window in enumerate(ndi.find_objects(labels), start=1):
            if window is None:
                continue
            pieces, count = ndi.label(labels[window] == label)
            if count > 1:
                largest = np.bincount(pieces.ravel())[1:].argmax() + 1
                labels[window][(pieces > 0) & (pieces != largest)] = 0
        return labels.astype(np.uint16)
