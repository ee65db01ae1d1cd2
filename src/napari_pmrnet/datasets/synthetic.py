"""Seeded pictures of touching nuclei whose true outlines are known.

Samples, tests and demonstrations need nuclei without a download. Outlines are ellipses
bent by a few harmonics; half of the nuclei are set against one that is already there.
Fluorescence is light through a blurring lens onto a camera that counts photons;
staining is light absorbed by two dyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import ndimage as ndi

_PIXELS_PER_NUCLEUS = 2400
_MEAN_RADIUS = 12.5
_MOST_OVERLAP = 0.12
_TRIES = 12
# Optical density of haematoxylin and eosin in red, green and blue: the reference
# vectors of Macenko et al., Proc. ISBI 2009, 1107-1110.
_HAEMATOXYLIN = np.array([0.5626, 0.7201, 0.4062], np.float32)
_EOSIN = np.array([0.2159, 0.8012, 0.5581], np.float32)


@dataclass(frozen=True)
class _Nucleus:
    """One nucleus: its window of the image, and there its depth, above 0 inside."""

    window: tuple[slice, slice]
    depth: np.ndarray
    label: int


def make_fluorescence(
    shape: Sequence[int] = (512, 512), n: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Bright textured nuclei on a dark, unevenly lit background.

    Parameters
    ----------
    shape : sequence of int
        Height and width in pixels.
    n : int, optional
        Nuclei to place; fewer if there is no room. By default one in 2400 pixels.
    seed : int
        The same seed gives the same picture.

    Returns
    -------
    image : numpy.ndarray
        uint8 (H, W).
    labels : numpy.ndarray
        int32 (H, W), nuclei numbered from 1, 0 is background.

    Examples
    --------
    >>> image, labels = make_fluorescence((96, 128), n=5)
    >>> image.shape, int(labels.max())
    ((96, 128), 5)
    """
    rng = np.random.default_rng(seed)
    height, width = _checked_shape(shape)
    nuclei, labels = _place_nuclei((height, width), n, rng)
    chromatin = (
        1 + 0.22 * _noise(labels.shape, 1.6, rng) + 0.16 * _noise(labels.shape, 4, rng)
    )
    sharp = np.zeros(labels.shape, np.float32)
    blurred = np.zeros(labels.shape, np.float32)
    for nucleus in nuclei:
        canvas = blurred if rng.random() < 0.12 else sharp
        brightness = np.clip(rng.lognormal(-0.15, 0.42), 0.3, 2.0)
        body = 0.55 + 0.45 * np.clip(nucleus.depth, 0, 1) ** 0.7
        inside = nucleus.depth > 0
        canvas[nucleus.window] += np.where(inside, brightness * body, 0)
    sharp *= np.clip(chromatin, 0.3, 1.8)
    light = ndi.gaussian_filter(sharp, 1.1) + ndi.gaussian_filter(blurred, 3.2)
    haze = 0.12 * ndi.gaussian_filter(light, 22, mode="nearest")
    light = (light + haze + 0.05) * _illumination(labels.shape, rng)
    photons = rng.poisson(np.clip(light, 0, None) * 130) + rng.normal(
        6, 2.2, labels.shape
    )
    brightest = max(float(np.percentile(photons, 99.8)), 1.0)
    return np.clip(photons * (235 / brightest), 0, 255).astype(np.uint8), labels


def make_stained(
    shape: Sequence[int] = (512, 512), n: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Purple nuclei on pink tissue, as haematoxylin and eosin stain them.

    Parameters
    ----------
    shape : sequence of int
        Height and width in pixels.
    n : int, optional
        Nuclei to place; fewer if there is no room. By default one in 2400 pixels.
    seed : int
        The same seed gives the same picture.

    Returns
    -------
    image : numpy.ndarray
        uint8 (H, W, 3), red, green, blue.
    labels : numpy.ndarray
        int32 (H, W), nuclei numbered from 1, 0 is background.

    Examples
    --------
    >>> image, labels = make_stained((96, 128), n=5)
    >>> image.shape, int(labels.max())
    ((96, 128, 3), 5)
    """
    rng = np.random.default_rng(seed)
    height, width = _checked_shape(shape)
    nuclei, labels = _place_nuclei((height, width), n, rng)
    haematoxylin = np.zeros(labels.shape, np.float32)
    clumps = _noise(labels.shape, 1.5, rng)
    for nucleus in nuclei:
        dye = np.clip(rng.normal(0.95, 0.22), 0.45, 1.5)
        rim = 0.55 * np.exp(-(((nucleus.depth - 0.12) / 0.16) ** 2))
        texture = rng.uniform(0.1, 0.3) * clumps[nucleus.window]
        body = dye * np.clip(rng.uniform(0.65, 0.95) + rim + texture, 0.15, None)
        inside = labels[nucleus.window] == nucleus.label
        haematoxylin[nucleus.window][inside] = body[inside]
    haematoxylin = ndi.gaussian_filter(haematoxylin, 0.9)
    eosin = _tissue(labels > 0, rng) * (1 - 0.5 * np.clip(haematoxylin, 0, 1))
    haematoxylin += 0.07 + 0.03 * _noise(labels.shape, 9, rng)
    density = (
        np.clip(haematoxylin, 0, None)[..., None] * _HAEMATOXYLIN
        + np.clip(eosin, 0, None)[..., None] * _EOSIN
    )
    image = 243 * np.exp(-density) * _illumination(labels.shape, rng, 0.05)[..., None]
    image = image + rng.normal(0, 2.5, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), labels


@dataclass
class _Mover:
    """A nucleus of a movie: its number, place, radius, and what its outline is of."""

    label: int
    y: float
    x: float
    radius: float
    seed: int


def make_movie(
    shape: Sequence[int] = (256, 256),
    frames: int = 12,
    n: int = 24,
    seed: int = 0,
    drift: float = 2.0,
    jitter: float = 1.0,
    divisions: float = 0.01,
) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Fluorescent nuclei that drift together, move at random and divide.

    Parameters
    ----------
    shape : sequence of int
        Height and width in pixels.
    frames : int
    n : int
        Nuclei of the first frame; fewer if there is no room.
    seed : int
        The same seed gives the same movie.
    drift : float
        Pixels a frame that all move, in one direction.
    jitter : float
        Standard deviation of the pixels a frame that each moves along y and x.
    divisions : float
        Share of the nuclei that divide in a frame: into two of half the area.

    Returns
    -------
    image : numpy.ndarray
        uint8 (T, H, W).
    labels : numpy.ndarray
        int32 (T, H, W): one number a nucleus on all frames, new ones for the two that
        one divides into. A nucleus is missing where others cover it or it is outside.
    mothers : dict
        Number of the nucleus that each of these was.

    Examples
    --------
    >>> image, labels, mothers = make_movie((96, 128), frames=3, n=5, divisions=0)
    >>> image.shape, labels.shape, mothers
    ((3, 96, 128), (3, 96, 128), {})
    """
    rng = np.random.default_rng(seed)
    height, width = _checked_shape(shape)
    nuclei, placed = _place_nuclei((height, width), n, rng)
    movers, mothers = [], {}
    for nucleus in nuclei:
        ys, xs = np.nonzero(placed == nucleus.label)
        radius = float(np.sqrt(len(ys) / np.pi))
        movers.append(_Mover(nucleus.label, ys.mean(), xs.mean(), radius, len(movers)))
    angle, count = rng.uniform(0, 2 * np.pi), len(movers)
    way = drift * np.sin(angle), drift * np.cos(angle)
    images, labels = [], []
    for _ in range(frames):
        light, frame = _drawn(movers, (height, width), seed)
        photons = rng.poisson(light * 130) + rng.normal(6, 2.2, light.shape)
        images.append(np.clip(photons * 1.2, 0, 255).astype(np.uint8))
        labels.append(frame)
        after = []
        for one in movers:
            one.y += way[0] + rng.normal(0, jitter)
            one.x += way[1] + rng.normal(0, jitter)
            if rng.random() >= divisions:
                after.append(one)
                continue
            turn = rng.uniform(0, np.pi)
            for side in (-1, 1):
                count += 1
                mothers[count] = one.label
                reach = side * one.radius / np.sqrt(2)
                y, x = one.y + reach * np.sin(turn), one.x + reach * np.cos(turn)
                after.append(_Mover(count, y, x, one.radius / np.sqrt(2), count))
        movers = after
    return np.stack(images), np.stack(labels), mothers


def _drawn(
    movers: Sequence[_Mover], shape: tuple[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Light and labels (H, W) of nuclei, the first of which lie on top."""
    light, labels = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    for one in movers:
        # Its own generator, so that its outline is the same on every frame.
        own = np.random.default_rng((seed, one.seed))
        nucleus = _shaped_nucleus(one.y, one.x, one.radius, shape, one.label, own)
        if nucleus is None:
            continue
        body = (0.55 + 0.45 * np.clip(nucleus.depth, 0, 1)) * own.uniform(0.5, 1.2)
        free = (nucleus.depth > 0) & (labels[nucleus.window] == 0)
        light[nucleus.window][free] = body[free]
        labels[nucleus.window][free] = one.label
    return ndi.gaussian_filter(light, 1.1) + 0.05, labels


def _checked_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width, both of at least one pixel."""
    height, width = (int(side) for side in shape)
    if min(height, width) < 1:
        raise ValueError(f"shape is {tuple(shape)}; both sides must be 1 or more.")
    return height, width


def _place_nuclei(
    shape: tuple[int, int], n: int | None, rng: np.random.Generator
) -> tuple[list[_Nucleus], np.ndarray]:
    """Set nuclei into an empty field, half of them against one already there."""
    wanted = max(1, shape[0] * shape[1] // _PIXELS_PER_NUCLEUS) if n is None else n
    labels = np.zeros(shape, np.int32)
    nuclei: list[_Nucleus] = []
    centres: list[tuple[float, float, float]] = []
    for _ in range(wanted):
        radius = float(np.clip(_MEAN_RADIUS * rng.lognormal(0, 0.22), 6, 24))
        neighbourly = bool(centres) and rng.random() < 0.5
        for _ in range(_TRIES):
            y, x = _candidate(shape, radius, centres if neighbourly else [], rng)
            nucleus = _shaped_nucleus(y, x, radius, shape, len(nuclei) + 1, rng)
            if nucleus is not None and _claim(labels, nucleus):
                nuclei.append(nucleus)
                centres.append((y, x, radius))
                break
    return nuclei, labels


def _candidate(
    shape: tuple[int, int],
    radius: float,
    centres: list[tuple[float, float, float]],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """A centre anywhere, or beside one of `centres` so that the nuclei touch."""
    if not centres:
        return rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
    y, x, other = centres[rng.integers(len(centres))]
    angle = rng.uniform(0, 2 * np.pi)
    distance = (radius + other) * rng.uniform(0.78, 1.0)
    return y + distance * np.sin(angle), x + distance * np.cos(angle)


def _shaped_nucleus(
    y: float,
    x: float,
    radius: float,
    shape: tuple[int, int],
    label: int,
    rng: np.random.Generator,
) -> _Nucleus | None:
    """A bent ellipse about (y, x); None if it lies outside the image."""
    turn, stretch = rng.uniform(0, np.pi), np.sqrt(rng.uniform(1.0, 1.75))
    swing = rng.normal(0, [0.045, 0.03, 0.02]), rng.uniform(0, 2 * np.pi, 3)
    reach = int(radius * stretch * 1.25) + 2
    top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
    bottom, right = min(int(y) + reach, shape[0]), min(int(x) + reach, shape[1])
    if top >= bottom or left >= right:
        return None
    rows, columns = np.mgrid[top:bottom, left:right]
    dy, dx = rows - y, columns - x
    along = (dx * np.cos(turn) + dy * np.sin(turn)) / stretch
    across = (dy * np.cos(turn) - dx * np.sin(turn)) * stretch
    angle = np.arctan2(across, along)
    bend = 1 + sum(
        a * np.cos(k * angle + phase)
        for k, a, phase in zip((2, 3, 4), *swing, strict=True)
    )
    depth = 1 - np.hypot(along, across) / (radius * bend)
    window = (slice(top, bottom), slice(left, right))
    return _Nucleus(window, depth.astype(np.float32), label)


def _claim(labels: np.ndarray, nucleus: _Nucleus) -> bool:
    """Write the nucleus into free pixels, unless it overlaps too much or breaks up."""
    inside = nucleus.depth > 0
    field = labels[nucleus.window]
    free = inside & (field == 0)
    area = int(inside.sum())
    if area < 25 or free.sum() < (1 - _MOST_OVERLAP) * area:
        return False
    _, parts = cast("tuple[np.ndarray, int]", ndi.label(free))
    if parts != 1:
        return False
    field[free] = nucleus.label
    return True


def _noise(
    shape: tuple[int, ...], sigma: float | Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation 1."""
    field = ndi.gaussian_filter(
        rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap"
    )
    return (field - field.mean()) / (field.std() + 1e-6)


def _illumination(
    shape: tuple[int, ...], rng: np.random.Generator, strength: float = 0.3
) -> np.ndarray:
    """Light that falls off from a point near the centre, 1 at its brightest."""
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    y0, x0 = rng.uniform(-0.5, 0.5, 2)
    return (1 - strength * ((y - y0) ** 2 + (x - x0) ** 2) / 2).clip(0.3).astype("f4")


def _tissue(nuclei: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Eosin of cytoplasm and winding fibres, with pale gaps away from the nuclei."""
    shape = nuclei.shape
    fibres = np.exp(-((_noise(shape, 5, rng) / 0.4) ** 2))
    fibres += 0.7 * np.exp(-((_noise(shape, 3, rng) / 0.35) ** 2))
    clouds = _noise(shape, 16, rng)
    gaps = 1 / (1 + np.exp(-8 * (_noise(shape, 14, rng) + 1.2)))
    cytoplasm = np.clip(2.5 * ndi.gaussian_filter(nuclei.astype("f4"), 5), 0, 1)
    grain = _noise(shape, 1.0, rng)
    eosin = 0.30 + 0.12 * fibres + 0.05 * clouds + 0.025 * grain
    return eosin * np.maximum(gaps, 0.8 * cytoplasm)
