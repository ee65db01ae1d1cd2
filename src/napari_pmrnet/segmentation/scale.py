"""Scale at which the network is to see an image."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.models.label_kind import whole_scale
from napari_pmrnet.segmentation.diameter import needs_estimate, scale_for
from napari_pmrnet.segmentation.diameter_estimate import estimate_diameter, look_tiles
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.predict import (
    Prediction,
    Progress,
    grid_for,
    height_and_width,
    runs_beside,
)

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

NEAR = 1.1
"""Factor up to which the scale of a look serves for the image."""


class ChosenScale(NamedTuple):
    """Scale of an image, typical diameter of its nuclei, and another one seen.

    ``scale`` is the pixels the network sees for each pixel of the image; ``diameter``
    is in pixels of the image, None where no nucleus was found; ``other`` is that of a
    look that disagreed, None if none did.
    """

    scale: float
    diameter: float | None = None
    other: float | None = None

    def notes(self) -> tuple[str, ...]:
        """What the user is told where looks disagreed."""
        if self.diameter is None or self.other is None:
            return ()
        return (
            f"nuclei were taken to be about {self.diameter:.0f} pixels across, but "
            f"could be {self.other:.0f}: if the labels do not fit, set that diameter",
        )


def choose_scale(
    model: Model,
    image: np.ndarray | Plane,
    diameter: float | None,
    whole: dict[float, Prediction] | None = None,
) -> Generator[Progress, None, ChosenScale]:
    """Scale at which the network is to see an image.

    Parameters
    ----------
    model : Model
    image : Plane, or ndarray of float32, shape (3, H, W)
        As `prepare` gives it.
    diameter : float or None
        Of a typical nucleus, in pixels. None: by `estimate_diameter`. A model whose
        card names no ``working_diameters`` sees every image as it is, one of objects or
        classes sees it whole.
    whole : dict, optional
        Filled with what estimates predicted of the whole image, by scale. A small image
        need not be predicted again where one of these scales is near enough.

    Yields
    ------
    Progress

    Returns
    -------
    ChosenScale
    """
    if model.card.label_kind.sees_whole:
        return ChosenScale(whole_scale(model.tile, height_and_width(image)))
    other = None
    if needs_estimate(model, diameter):
        diameter, other = yield from estimate_diameter(model, image, whole)
    scale = scale_for(model, diameter)
    near = [look for look in whole or () if 1 / NEAR <= look / scale <= NEAR]
    scale = min(near, key=lambda look: abs(look - scale), default=scale)
    return ChosenScale(scale, diameter, other)


def measure_plane(
    plane: Plane, model: Model, diameter: float | None
) -> Generator[Progress, None, PlaneStats]:
    """Intensity limits, smoothing and scale by which the network is to see an image.

    All are decided once.

    Parameters
    ----------
    plane : Plane
    model : Model
    diameter : float or None
        Of a typical nucleus, in pixels.

    Yields
    ------
    Progress

    Returns
    -------
    PlaneStats

    Raises
    ------
    ImageError
        If the model sees images whole.
    """
    model.card.label_kind.refuse_tiles(plane.name, "Shrink it, and segment it at once.")
    yield Progress(0, 0, "reading an overview")
    limits = plane.limits
    chosen = yield from choose_scale(model, plane, diameter)
    return PlaneStats(
        chosen.scale, chosen.diameter, limits, plane.smoothing, chosen.notes()
    )


def likely_tiles(
    model: Model, shape: tuple[int, int], diameter: float | None
) -> list[tuple[tuple[int, int], bool]]:
    """Sizes of the tiles that the network will probably see of an image.

    Those of the looks that have to be taken, and those of the image at the scale for
    the diameter; at its own, which is the likeliest, where no diameter is known.

    Parameters
    ----------
    model : Model
    shape : tuple of int
        Height and width of the image, in pixels.
    diameter : float or None
        Of a typical nucleus, in pixels.

    Returns
    -------
    list of ((int, int), bool)
        Height and width as the network sees them, and whether several are under way
        at once; see `Model.prepare`.
    """
    sizes = []
    if needs_estimate(model, diameter):
        sizes = [(seen, False) for seen in look_tiles(model, shape)]
    seen, grid = grid_for(model, shape, scale_for(model, diameter))
    sizes.append((seen, runs_beside(model, seen, len(grid.boxes()))))
    return list(dict.fromkeys(sizes))
