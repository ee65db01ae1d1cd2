"""A part of an image, and work that is done in that part only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.tiles import Box, box_of

MARGIN = 64
"""Pixels that are predicted around a region, so that nuclei on its rim are whole."""

EDGE = 8
"""Empty pixels around those: more than any step of `label_nuclei` reaches."""


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of an image: nuclei whose centre lies on one of them are kept.

    Attributes
    ----------
    inside : ndarray of bool, shape (h, w)
        Which pixels of the region's box belong to it.
    origin : tuple of int
        Row and column of the first pixel of `inside` in the image.
    shape : tuple of int
        Height and width of the image.
    """

    inside: NDArray[np.bool_]
    origin: tuple[int, int]
    shape: tuple[int, int]

    @classmethod
    def of(cls, mask: np.ndarray) -> Region:
        """The region that a mask of the whole image marks, as small as it can be."""
        mask = np.asarray(mask, bool)
        box = _extent(mask.any(axis=1)), _extent(mask.any(axis=0))
        return cls(mask[box], (box[0].start, box[1].start), mask.shape)

    @property
    def box(self) -> Box:
        """Rows and columns of the region."""
        return self._grown(0)

    @property
    def predicted(self) -> Box:
        """Rows and columns that are predicted: the region and a margin."""
        return self._grown(MARGIN)

    @property
    def view(self) -> Box:
        """Rows and columns in which nuclei are labelled."""
        return self._grown(MARGIN + EDGE)

    def _grown(self, margin: int) -> Box:
        return box_of(
            slice(max(0, first - margin), min(n, first + length + margin))
            for first, length, n in zip(
                self.origin, self.inside.shape, self.shape, strict=True
            )
        )

    def holds(self, points: np.ndarray) -> NDArray[np.bool_]:
        """Tell which pixels (n, 2), rows and columns of the image, it holds."""
        at = np.asarray(points) - self.origin
        within = ((at >= 0) & (at < self.inside.shape)).all(axis=1)
        held = np.zeros(len(at), bool)
        held[within] = self.inside[tuple(at[within].T)]
        return held

    def centred(
        self, labels: np.ndarray, origin: tuple[int, int] = (0, 0)
    ) -> NDArray[np.int_]:
        """Labels (n,), in ascending order, whose centre lies in the region.

        Parameters
        ----------
        labels : ndarray of int, shape (h, w)
            0 is background.
        origin : tuple of int
            Row and column of their first pixel in the image.
        """
        index = np.unique(labels)
        index = index[index > 0]
        if not len(index):
            return index
        centres = np.array(ndimage.center_of_mass(labels > 0, labels, index))
        return index[self.holds(np.round(centres + origin).astype(int))]

    def renewed(self, labels: np.ndarray, fresh: np.ndarray, above: int) -> np.ndarray:
        """Labels of an image in which others stand for those centred in the region.

        Parameters
        ----------
        labels : ndarray of int, shape (H, W)
            Those whose centre lies elsewhere keep their numbers and pixels.
        fresh : ndarray of int, shape (H, W)
            The others, numbered from 1; they get what pixels are free.
        above : int
            Largest number in use; that of a fresh label comes on top.

        Returns
        -------
        ndarray of int, shape (H, W)
            A copy, of the type of `labels`.
        """
        renewed = np.where(np.isin(labels, self.centred(labels)), 0, labels)
        free = (fresh > 0) & (renewed == 0)
        renewed[free] = fresh[free] + above
        return renewed

    def mask(self) -> NDArray[np.bool_]:
        """Which pixels (H, W) of the image belong to it."""
        return self.place(self.inside, self.box)

    def place(self, part: np.ndarray, box: Box) -> np.ndarray:
        """An image (..., H, W) that is zero but for a part (..., h, w) at a box.

        Pages of memory that hold nothing but zeros are not used up.
        """
        whole = np.zeros((*part.shape[:-2], *self.shape), part.dtype)
        whole[..., *box] = part
        return whole


def checked_region(
    region: np.ndarray | Region, shape: tuple[int, ...], name: str
) -> Region:
    """A region that fits an image.

    Raises
    ------
    ImageError
        If it has another shape than the image, or holds no pixel.
    """
    if tuple(region.shape) != tuple(shape):
        raise ImageError(
            f"the region has shape {region.shape}, '{name}' {tuple(shape)}. Draw the "
            "region on this image."
        )
    found = region if isinstance(region, Region) else Region.of(region)
    if not found.inside.any():
        raise ImageError(
            f"the region holds no pixel of '{name}'. Draw a shape on the image."
        )
    return found


def _extent(marked: ArrayLike) -> slice:
    """From the first to the last that is marked."""
    places = np.flatnonzero(marked)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)
