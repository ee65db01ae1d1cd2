"""``segment``: the one entry for viewer, command line, batch and notebook."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_pmrnet.segmentation.diameter import choose_scale, measure_plane
from napari_pmrnet.segmentation.normalise import noise_notes
from napari_pmrnet.segmentation.objects import certainty_map
from napari_pmrnet.segmentation.plane import LargePlane, PreparedPlane, choose_plane
from napari_pmrnet.segmentation.postprocess import Missed, missed_of, nuclei_of
from napari_pmrnet.segmentation.predict import (
    Planes,
    Prediction,
    Progress,
    predict,
    run_to_end,
    take_flows,
)
from napari_pmrnet.segmentation.region import Region, checked_region
from napari_pmrnet.segmentation.tiles import tile_reach
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

NEEDS_THE_NETWORK = ("model", "channel", "diameter", "flips")
EXTRA_MAPS = ("pgrf", "gate_half", "gate_quarter", "esconv")


@dataclass(frozen=True)
class Segmentation:
    """Labels of an image with the maps they came from.

    Attributes
    ----------
    labels : ndarray of int32, shape (H, W)
        0 is background.
    maps : dict of ndarray
        float32 (H, W) in [0, 1]: ``probability``, ``boundary`` and ``certainty``; of a
        model of several classes ``class_1``, ``class_2``...; with ``extra_maps`` also
        ``pgrf``, ``gate_half``, ``gate_quarter`` and ``esconv``.
        Zero where a region was asked for and is far.
    objects : DataFrame
        One row a nucleus; see `describe_objects`.
    settings : Settings
    model : Model
    device : str
        The device that was really used.
    notes : tuple of str
        What the user should know, such as a device that ran out of memory.
    seconds : float
        Time from image to labels.
    scale : float
        Pixels the network saw for each pixel of the image.
    diameter : float or None
        Of a typical nucleus in pixels, as set or measured; None if none was found.
    flows : ndarray of float32, shape (2, H, W), or None
        Vectors towards the centres, kept for `relabel`.
    region : Region or None
        The region asked for.
    """

    labels: np.ndarray
    maps: dict[str, np.ndarray]
    objects: pd.DataFrame
    settings: Settings
    model: Model
    device: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    scale: float = 1.0
    diameter: float | None = None
    flows: np.ndarray | None = field(repr=False, default=None)
    region: Region | None = field(repr=False, default=None)

    def relabel(self, settings: Settings) -> Segmentation:
        """Labels for other thresholds, from the same maps, without the network.

        Raises
        ------
        ValueError
            If the settings ask for another model, channel, diameter or flips, which
            needs a new run.
        """
        for name in NEEDS_THE_NETWORK:
            if getattr(settings, name) != getattr(self.settings, name):
                raise ValueError(f"another {name} needs a new segmentation")
        labels, objects = nuclei_of(
            self.maps,
            self.flows,
            settings,
            self.region,
            self.diameter,
            self.model.card,
        )
        return replace(self, labels=labels, objects=objects, settings=settings)

    def missed(self) -> Missed:
        """Nuclei that may have been missed; see `missed_nuclei`."""
        return missed_of(
            self.labels,
            self.maps,
            self.flows,
            self.settings,
            self.region,
            self.diameter,
            self.model.card,
        )


def segment(
    image: np.ndarray,
    settings: Settings | None = None,
    model: Model | None = None,
    *,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    region: np.ndarray | Region | None = None,
    extra_maps: bool = False,
    image_name: str = "image",
) -> Segmentation:
    """Segment the nuclei of one image.

    Parameters
    ----------
    image : array-like
        (H, W) grey, (H, W, 3) or (H, W, 4) colour, or channels with `channel_axis`. Any
        real dtype.
    settings : Settings, optional
        By default with the thresholds that were tuned for the model.
    model : Model, optional
        By default the model and device that the settings name.
    channel_axis : int, optional
        Axis of a stack of channels.
    rgb : bool, optional
        Whether the last axis holds colours; by default guessed from its length.
    region : ndarray of bool, shape (H, W), or Region, optional
        Keep only nuclei whose centre lies inside. Nothing far from it is predicted or
        labelled; what is found in it is the same as without it.
    extra_maps : bool
        Also hand out the raw PGRF map, the coarser gates and ESConv's boundary map.
    image_name : str
        Name of the layer or file, for error messages.

    Returns
    -------
    Segmentation

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    WeightsError
        If the model is missing or altered.
    """
    return run_to_end(
        segment_steps(
            image,
            settings,
            model,
            channel_axis=channel_axis,
            rgb=rgb,
            region=region,
            extra_maps=extra_maps,
            image_name=image_name,
        )
    )


def segment_steps(
    image: np.ndarray,
    settings: Settings | None = None,
    model: Model | None = None,
    *,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    region: np.ndarray | Region | None = None,
    extra_maps: bool = False,
    image_name: str = "image",
) -> Generator[Progress, None, Segmentation]:
    """`segment` as a generator: the same parameters, result and errors.

    Yields
    ------
    Progress
        Before the network is loaded and after every batch of windows.
    """
    started = time.perf_counter()
    if settings is None:
        settings = Settings() if model is None else Settings.for_card(model.card)
    options = {
        "channel": settings.channel,
        "channel_axis": channel_axis,
        "rgb": rgb,
        "name": image_name,
    }
    plane = choose_plane(np.asarray(image), **options)
    if region is not None:
        region = checked_region(region, plane.shape[:2], image_name)
    prepared = PreparedPlane(plane, image_name)
    planes: Planes = prepared.whole() if region is None else prepared
    if model is None:
        yield Progress(0, 0, "loading the network")
        from napari_pmrnet.models import shared_model

        model = shared_model(settings.model, settings.device)
    if region is not None:
        model.card.label_kind.refuse_tiles(image_name, "Choose the whole image.")
    yield Progress(0, 0, f"starting on {model.device}")
    estimates: dict[float, Prediction] = {}
    scale, diameter = yield from choose_scale(
        model, planes, settings.diameter, estimates
    )
    prediction = estimates.get(scale)
    if prediction is None or extra_maps or settings.flips or region is not None:
        prediction = yield from predict(
            model,
            planes,
            None if region is None else region.predicted,
            scale=scale,
            flips=settings.flips,
            extra_maps=extra_maps,
        )
    yield Progress(1, 1, "separating nuclei")
    result = assemble(prediction, settings, model, region, extra_maps, diameter)
    notes = (*noise_notes(prepared.smoothing), *result.notes)
    if settings.diameter is not None and model.card.label_kind.sees_whole:
        notes += ("the diameter does not count: the model sees the image whole",)
    seconds = time.perf_counter() - started
    return replace(result, scale=scale, seconds=seconds, notes=notes)


def assemble(
    prediction: Prediction,
    settings: Settings,
    model: Model,
    region: Region | None = None,
    extra_maps: bool = False,
    diameter: float | None = None,
) -> Segmentation:
    """Labels, certainty and the table of nuclei from predicted maps.

    Parameters
    ----------
    prediction : Prediction
        Of the whole image or, with a region, of `Region.predicted`.
    settings, model, region, extra_maps
        As for `segment`.
    diameter : float, optional
        Of a typical nucleus, in pixels.
    """
    maps = dict(prediction.maps)
    flows = take_flows(maps)
    maps["certainty"] = certainty_map(maps, model.card.certainty)
    if not extra_maps:
        maps = {name: m for name, m in maps.items() if name not in EXTRA_MAPS}
    if region is not None:
        box = region.predicted
        maps = {name: region.place(values, box) for name, values in maps.items()}
        flows = None if flows is None else region.place(flows, box)
    card = model.card
    labels, objects = nuclei_of(maps, flows, settings, region, diameter, card)
    return Segmentation(
        labels,
        maps,
        objects,
        settings,
        model,
        prediction.device,
        prediction.notes,
        diameter=diameter,
        flows=flows,
        region=region,
    )


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
        from napari_pmrnet.models import shared_model

        model = shared_model(settings.model, settings.device)
    stats = yield from measure_plane(plane, model, settings.diameter)
    reach = tile_reach(model.tile, plane.shape, stats.scale)
    around = tuple(slice(s.start - reach, s.stop + reach) for s in region.predicted)
    part = plane.read(around)
    prediction = yield from predict(
        model, part, region.predicted, scale=stats.scale, flips=settings.flips
    )
    yield Progress(1, 1, "separating nuclei")
    result = assemble(prediction, settings, model, region, diameter=stats.diameter)
    seconds = time.perf_counter() - started
    notes = (*noise_notes(stats.smoothing), *result.notes)
    return replace(result, scale=stats.scale, seconds=seconds, notes=notes)
