"""``segment``: the one entry for viewer, command line, batch and notebook."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.segmentation.normalise import unknown_notes
from napari_pmrnet.segmentation.objects import certainty_map
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.plane import EVERYWHERE, Plane
from napari_pmrnet.segmentation.postprocess import Missed, missed_of, nuclei_of
from napari_pmrnet.segmentation.predict import (
    Prediction,
    Progress,
    predict,
    run_to_end,
    take_flows,
    without_unknown,
)
from napari_pmrnet.segmentation.region import Region, checked_region
from napari_pmrnet.segmentation.scale import choose_scale
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

NEEDS_THE_NETWORK = ("model", "channel", "limits", "diameter", "flips")
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
    other_diameter : float or None
        Another one that nuclei could have, where looks at the image disagreed.
    flows : ndarray of float32, shape (2, H, W), or None
        Vectors towards the centres, kept for `relabel`.
    region : Region or None
        The region asked for.

    Examples
    --------
    Other thresholds need no new run, and what was passed over can be looked at:

    >>> from dataclasses import replace
    >>> from napari_pmrnet import segment
    >>> from napari_pmrnet.datasets.synthetic import make_fluorescence
    >>> image, _ = make_fluorescence((128, 128), n=4)
    >>> result = segment(image)
    >>> lower = replace(result.settings, probability_threshold=0.3)
    >>> bool((result.relabel(lower).labels > 0).sum() > (result.labels > 0).sum())
    True
    >>> len(result.missed().objects)
    0
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
    other_diameter: float | None = None
    flows: np.ndarray | None = field(repr=False, default=None)
    region: Region | None = field(repr=False, default=None)

    def relabel(self, settings: Settings) -> Segmentation:
        """Labels for other thresholds, from the same maps, without the network.

        Raises
        ------
        ValueError
            If the settings ask for another model, channel or diameter, for other limits
            or for flips, which needs a new run.
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
            self.model,
        )
        return replace(self, labels=labels, objects=objects, settings=settings)

    def renewed(self, part: Segmentation, above: int | None = None) -> Segmentation:
        """The same segmentation, but for a region that was segmented anew.

        Nuclei whose centre lies in the region give way to those of the part, numbered
        above all others; nuclei and maps outside of it stay.

        Parameters
        ----------
        part : Segmentation
            Of a region of the same image. Settings, device, notes, scale and diameters
            are taken from it.
        above : int, optional
            Largest number in use; by default that of these labels.

        Raises
        ------
        ValueError
            If the part is that of no region, or of an image of another shape.
        """
        region = part.region
        if region is None or region.shape != self.labels.shape:
            raise ValueError("the part is not of a region of this image")
        if above is None:
            above = int(self.labels.max(initial=0))
        labels = region.renewed(self.labels, part.labels, above)
        mask = region.mask()
        anew = mask | (labels > above)
        maps = {
            name: np.where(anew, values, self.maps[name])
            for name, values in part.maps.items()
            if name in self.maps
        }
        flows = None
        if self.flows is not None and part.flows is not None:
            flows = np.where(anew, part.flows, self.flows)
        shown = part.objects.assign(label=part.objects["label"] + above)
        objects = pd.concat([self.objects, shown], ignore_index=True)
        numbered, names = number_labels(labels)
        areas = pd.Series(np.bincount(numbered.ravel(), minlength=len(names)), names)
        objects["area"] = areas.reindex(objects["label"], fill_value=0).to_numpy()
        objects = objects[objects["area"] > 0].reset_index(drop=True)
        if self.region is not None:
            region = Region.of(mask | self.region.mask())
        return replace(
            part,
            labels=labels,
            maps=maps,
            objects=objects,
            flows=flows,
            region=None if self.region is None else region,
        )

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
    image: np.ndarray | Plane,
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
    image : array-like or Plane
        (H, W) grey, (H, W, 3) or (H, W, 4) colour, or channels with `channel_axis`. Any
        real dtype. A `Plane` has a channel and a name of its own; of one on disk and a
        region, an overview and what lies around the region are read, and no more.
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
        labelled; what is found in it is the same as without it, but certainty, by which
        nuclei are dropped, is judged among those inside.
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

    Examples
    --------
    >>> from napari_pmrnet import segment
    >>> from napari_pmrnet.datasets.synthetic import make_fluorescence
    >>> image, _ = make_fluorescence((128, 128), n=4, seed=1)
    >>> result = segment(image)
    >>> result.labels.shape, len(result.objects)
    ((128, 128), 4)
    >>> result.objects.columns.tolist()
    ['label', 'certainty', 'area', 'centroid_y', 'centroid_x']
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
    image: np.ndarray | Plane,
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
        Before the network is loaded and after every batch of tiles.
    """
    started = time.perf_counter()
    settings = settings_for(settings, model)
    if isinstance(image, Plane):
        plane = image
    else:
        plane = Plane(
            [np.asanyarray(image)],
            channel=settings.channel,
            channel_axis=channel_axis,
            rgb=rgb,
            name=image_name,
        )
    if region is not None:
        region = checked_region(region, plane.shape, plane.name)
    plane = _limited(plane, settings, region)
    model = yield from ready_model(settings, model)
    estimates: dict[float, Prediction] = {}
    if region is not None:
        model.card.label_kind.refuse_tiles(plane.name, "Choose the whole image.")
    yield Progress(0, 0, f"starting on {model.device}")
    chosen = yield from choose_scale(model, plane, settings.diameter, estimates)
    prediction = estimates.get(chosen.scale)
    if prediction is None or extra_maps or settings.flips or region is not None:
        prediction = yield from predict(
            model,
            plane,
            None if region is None else region.predicted,
            scale=chosen.scale,
            flips=settings.flips,
            extra_maps=extra_maps,
        )
    yield Progress(1, 1, "separating nuclei")
    unknown = plane.unknown(EVERYWHERE if region is None else region.predicted)
    prediction = without_unknown(prediction, unknown)
    result = assemble(prediction, settings, model, region, extra_maps, chosen.diameter)
    notes = (*plane.notes, *unknown_notes(unknown), *chosen.notes(), *result.notes)
    if settings.diameter is not None and model.card.label_kind.sees_whole:
        notes += ("the diameter does not count: the model sees the image whole",)
    seconds = time.perf_counter() - started
    return replace(
        result,
        scale=chosen.scale,
        other_diameter=chosen.other,
        seconds=seconds,
        notes=notes,
    )


def more_maps_steps(
    plane: Plane, found: Segmentation
) -> Generator[Progress, None, dict[str, np.ndarray]]:
    """Maps that a segmentation does not keep: those of the parts of the network.

    The network runs once more, at the scale at which it ran before.

    Parameters
    ----------
    plane : Plane
        The image that was segmented, with its channel.
    found : Segmentation
        What was found in it.

    Yields
    ------
    Progress
        After every batch of tiles.

    Returns
    -------
    dict of ndarray
        Those of `EXTRA_MAPS`, each float32 (H, W) in [0, 1], on the pixels of the
        image; zero far from the region of a segmentation that has one.
    """
    region, settings = found.region, found.settings
    plane = _limited(plane, settings, region)
    box = None if region is None else region.predicted
    prediction = yield from predict(
        found.model,
        plane,
        box,
        scale=found.scale,
        flips=settings.flips,
        extra_maps=True,
    )
    unknown = plane.unknown(EVERYWHERE if box is None else box)
    maps = without_unknown(prediction, unknown).maps
    maps = {name: maps[name] for name in EXTRA_MAPS}
    if region is not None and box is not None:
        maps = {name: region.place(values, box) for name, values in maps.items()}
    return maps


def _limited(plane: Plane, settings: Settings, region: Region | None) -> Plane:
    """A plane with the intensity limits of a run; in memory, unless for a region."""
    if region is None and not plane.in_memory:
        plane = plane.loaded()
    return plane.limited(settings.limits, region)


def settings_for(settings: Settings | None, model: Model | None) -> Settings:
    """Settings of a run: by default those tuned for the model."""
    if settings is not None:
        return settings
    return Settings() if model is None else Settings.for_card(model.card)


def ready_model(
    settings: Settings, model: Model | None
) -> Generator[Progress, None, Model]:
    """Load the model and choose the device that settings name, unless one is given.

    Yields
    ------
    Progress
        Before a model is loaded.

    Raises
    ------
    WeightsError
        If the model is missing or altered.
    """
    if model is not None:
        return model
    yield Progress(0, 0, "loading the network")
    from napari_pmrnet.models import shared_model

    return shared_model(settings.model, settings.device)


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
    certainty = on_device(model, certainty_map, maps, model.card.certainty)
    if not extra_maps:
        maps = {name: m for name, m in maps.items() if name not in EXTRA_MAPS}
    maps["certainty"] = certainty
    if region is not None:
        box = region.predicted
        maps = {name: region.place(values, box) for name, values in maps.items()}
        flows = None if flows is None else region.place(flows, box)
    labels, objects = nuclei_of(maps, flows, settings, region, diameter, model)
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
