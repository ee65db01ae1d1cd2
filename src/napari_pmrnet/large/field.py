"""A part of a large image, segmented at once without reading the rest of it."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_pmrnet.large.plane import LargePlane
from napari_pmrnet.large.scout import choose_sight
from napari_pmrnet.segmentation.noise import noise_notes
from napari_pmrnet.segmentation.predict import Progress, predict
from napari_pmrnet.segmentation.region import Region, checked_region
from napari_pmrnet.segmentation.segment import Segmentation, assemble
from napari_pmrnet.segmentation.settings import Settings
from napari_pmrnet.segmentation.windows import window_reach

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model


def segment_field_steps(
    plane: LargePlane,
    region: Region,
    settings: Settings,
    model: Model | None = None,
) -> Generator[Progress, None, Segmentation]:
    """Segment the nuclei of a region of a large image.

    Read are an overview for the intensity limits, nine tiles for the noise, where the
    diameter is not given a few parts that tell it, and the windows that touch the
    region.

    Parameters
    ----------
    plane : LargePlane
    region : Region
        Keep only nuclei whose centre lies inside.
    settings : Settings
        The channel is that of `plane`.
    model : Model, optional
        By default the model and device that the settings name.

    Yields
    ------
    Progress
        Before the network is loaded and after every batch of windows.

    Returns
    -------
    Segmentation
        Of the shape of the whole image, zero far from the region.

    Raises
    ------
    ImageError
        If the region does not fit the image, or the image cannot be segmented as it is.
    WeightsError
        If the model is missing or altered.
    """
    started = time.perf_counter()
    region = checked_region(region, plane.shape, plane.name)
    if model is None:
        yield Progress(0, 0, "loading the network")
        from napari_pmrnet.pretrained import shared_model

        model = shared_model(settings.model, settings.device)
    sight = yield from choose_sight(plane, model, settings.diameter)
    reach = window_reach(model.window, plane.shape, sight.scale)
    around = tuple(slice(s.start - reach, s.stop + reach) for s in region.predicted)
    part = plane.read(around)
    prediction = yield from predict(
        model, part, region.predicted, scale=sight.scale, flips=settings.flips
    )
    yield Progress(1, 1, "separating nuclei")
    result = assemble(prediction, settings, model, region, diameter=sight.diameter)
    seconds = time.perf_counter() - started
    notes = (*noise_notes(sight.smoothing), *result.notes)
    return replace(result, scale=sight.scale, seconds=seconds, notes=notes)
