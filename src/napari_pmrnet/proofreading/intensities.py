"""Intensities of nuclei and of rings around them, of all nuclei at once.

Also the heads of all columns that are of a channel, those of texture included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from skimage.segmentation import expand_labels

from napari_pmrnet.errors import DataError
from napari_pmrnet.proofreading.texture import FEATURES, Distance

CORRECTED = " minus background"
MEAN, RING = "", "ring"
SPREAD = "sd"
STATISTICS = (MEAN, "integrated", "min", "max", "median", SPREAD)
TEXTURES = tuple(f"texture {feature}" for feature in FEATURES)
LARGEST_RING = 200
"""Pixels; wider than any cytoplasm that a nucleus alone could tell of."""
_HEAD = re.compile(
    rf"(?:({'|'.join(filter(None, STATISTICS))}|ring (\d+) px) )?"
    rf"intensity (.+?)({CORRECTED})?",
    re.DOTALL,
)
_TEXTURE_HEAD = re.compile(
    rf"({'|'.join(TEXTURES)}) (.+) at (\d[\d.e+-]*) (\w+)", re.DOTALL
)


@dataclass(frozen=True)
class Options:
    """What is measured beside the usual, and how.

    Attributes
    ----------
    ring : int
        Width in pixels of a ring around each nucleus, such as its cytoplasm, whose mean
        intensity is measured; 0 for none. A pixel counts for the nearest nucleus, and
        none that lies in a nucleus counts.
    background : bool
        Subtract from intensities the median of the pixels outside all nuclei.
    texture : Distance or None
        Between the two pixels of the pairs that texture is measured on; see `texture`.

    Raises
    ------
    ValueError
        If the ring has no such width, or the distance is none.
    """

    ring: int = 0
    background: bool = False
    texture: Distance | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.ring <= LARGEST_RING:
            raise ValueError(
                f"a ring of {self.ring} pixels; its width is 0 to {LARGEST_RING}."
            )
        if self.texture is not None and not 0 < self.texture.length < np.inf:
            raise ValueError(
                f"texture at a distance of {self.texture.text}; it must be above 0."
            )


class Head(NamedTuple):
    """What a column of a channel is of.

    Attributes
    ----------
    kind : str
        One of `STATISTICS` or `TEXTURES` of the nucleus, or `RING` for the mean of its
        ring.
    channel : str
    options : Options
        The ring is 0 but for columns of one; so is texture None.
    """

    kind: str
    channel: str
    options: Options = Options()

    @property
    def text(self) -> str:
        """The head itself, such as ``"median intensity DAPI minus background"``."""
        if self.kind in TEXTURES and self.options.texture is not None:
            return f"{self.kind} {self.channel} at {self.options.texture.text}"
        kind = f"ring {self.options.ring} px" if self.kind == RING else self.kind
        corrected = self.options.background and self.kind != SPREAD
        start = f"{kind} " if kind else ""
        return f"{start}intensity {self.channel}{CORRECTED if corrected else ''}"

    @classmethod
    def of(cls, text: str) -> Head | None:
        """What a head says; None if it is not of a channel."""
        found = _TEXTURE_HEAD.fullmatch(text)
        if found is not None:
            kind, channel, length, unit = found.groups()
            return cls(kind, channel, Options(texture=Distance(float(length), unit)))
        found = _HEAD.fullmatch(text)
        if found is None:
            return None
        kind, width, channel, corrected = found.groups()
        options = Options(min(int(width or 0), LARGEST_RING), bool(corrected))
        return cls(RING if width else kind or MEAN, channel, options)


def options_of(columns: Iterable[object]) -> Options:
    """The options that columns were measured with, as far as they tell."""
    found = [head for head in map(Head.of, map(str, columns)) if head is not None]
    return Options(
        max((head.options.ring for head in found), default=0),
        any(head.options.background for head in found),
        next((h.options.texture for h in found if h.options.texture), None),
    )


def intensities(
    numbered: np.ndarray,
    count: int,
    channels: Mapping[str, np.ndarray],
    options: Options = Options(),
) -> Iterator[tuple[str, np.ndarray]]:
    """Measure the intensities of every label.

    Parameters
    ----------
    numbered : ndarray of int, shape (H, W)
        Labels numbered 0 to `count` - 1; 0 is background.
    count : int
    channels : mapping of ndarray, each (H, W)
        Images by name. NaN and infinity do not count.
    options : Options

    Yields
    ------
    str, ndarray of float, shape (count - 1,)
        Head of a column and its values, NaN of nuclei without a number. The standard
        deviation is that of the pixels of the nucleus (divided by their number).

    Raises
    ------
    DataError
        If there is no pixel outside nuclei whose median could be subtracted.
    """
    owner, ring = numbered.ravel(), None
    if options.ring:
        wide = expand_labels(numbered, distance=options.ring)
        ring = np.where(numbered == 0, wide, 0).ravel()
    for channel, image in channels.items():
        values = np.asarray(image, float).ravel()
        finite = np.isfinite(values)
        base = _background(values[finite & (owner == 0)], options, channel)
        inside = finite & (owner > 0)
        found = _statistics(owner[inside], values[inside], count, base)
        for kind, column in found.items():
            yield Head(kind, channel, options).text, column
        if ring is not None:
            around = finite & (ring > 0)
            sums, pixels = _sums(ring[around], values[around], count)
            with np.errstate(invalid="ignore"):
                yield Head(RING, channel, options).text, sums / pixels - base


def _background(outside: np.ndarray, options: Options, channel: str) -> float:
    """What is to be subtracted from a channel."""
    if not options.background:
        return 0.0
    if not outside.size:
        raise DataError(
            f"channel '{channel}' has no pixel outside the nuclei, so its background "
            "is not known. Measure without subtracting it."
        )
    return float(np.median(outside))


def _sums(
    owner: np.ndarray, values: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the values and number of the pixels of every label from 1."""
    sums = np.bincount(owner, values, minlength=count)[1:]
    return sums, np.bincount(owner, minlength=count)[1:]


def _statistics(
    owner: np.ndarray, values: np.ndarray, count: int, base: float
) -> dict[str, np.ndarray]:
    """The `STATISTICS` of every label from 1, with a background subtracted."""
    sums, pixels = _sums(owner, values, count)
    order = np.lexsort((values, owner))
    ordered, ends = values[order], np.cumsum(pixels)
    some = pixels > 0
    first, last = (ends - pixels)[some], ends[some] - 1

    def spread_out(column: np.ndarray) -> np.ndarray:
        whole = np.full(count - 1, np.nan)
        whole[some] = column
        return whole

    with np.errstate(invalid="ignore"):  # NaN of nuclei without a number
        means = sums / pixels
        squares = np.bincount(owner, (values - means[owner - 1]) ** 2, minlength=count)[
            1:
        ]
        deviation = np.sqrt(squares / pixels)
    middle = (ordered[(first + last) // 2] + ordered[(first + last + 1) // 2]) / 2
    columns = (
        means - base,
        spread_out((sums - base * pixels)[some]),
        spread_out(ordered[first] - base),
        spread_out(ordered[last] - base),
        spread_out(middle - base),
        deviation,
    )
    return dict(zip(STATISTICS, columns, strict=True))
