"""Images too large for memory: labels go to a Zarr on disk and open from there."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_pmrnet.io.label_zarr import ENDING, open_label_zarr
from napari_pmrnet.large.store import LARGE_PLANE, LabelStore
from napari_pmrnet.plugin._axes import first_level
from napari_pmrnet.plugin._export import default_path
from napari_pmrnet.plugin._layers import (
    features_table,
    place_layer,
    spatial_metadata,
)
from napari_pmrnet.plugin._torch import load_torch, quiet_collector
from napari_pmrnet.pretrained.library import find_weights, read_card
from napari_pmrnet.segmentation.planes import (
    Stack,
    StackSegmentation,
    segment_planes,
)
from napari_pmrnet.segmentation.predict import Progress

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_pmrnet.plugin._axes import Plane
    from napari_pmrnet.segmentation.settings import Settings

IN_MEMORY = 4 * LARGE_PLANE
"""Pixels of a plane that is in memory already, up to which all is done there."""


@dataclass(frozen=True)
class DiskJob:
    """Everything a run needs whose labels go to disk.

    Attributes
    ----------
    name : str
        Of the image layer, for messages.
    stack : Stack
        Planes of the image, unread.
    settings : Settings
    output : Path
        Folder for the labels, ending in ``.zarr``.
    scale : tuple of float
        Step along the axes of the labels, in `units`.
    units : tuple of str
    link : str or None
        Axis through which nuclei keep their number.
    """

    name: str
    stack: Stack
    settings: Settings
    output: Path
    scale: tuple[float, ...]
    units: tuple[str, ...]
    link: str | None = None


@dataclass(frozen=True)
class OnDisk:
    """A segmentation whose labels are on disk."""

    path: Path
    segmentation: StackSegmentation


def goes_to_disk(layer: Image, plane: Plane) -> bool:
    """Whether a plane of a layer is too large to be segmented in memory."""
    limit = IN_MEMORY if isinstance(first_level(layer), np.ndarray) else LARGE_PLANE
    return int(np.prod(plane.shape)) > limit


def describe_disk(plane: Plane) -> str:
    """What segmenting a plane that goes to disk means, in two sentences."""
    height, width = plane.shape
    return (
        f"Segments {width} x {height} pixels block by block. The labels go to a folder "
        "that you are asked for, and maps are left out."
    )


def proposed_path(image: Image, folder: str | Path | None) -> Path:
    """Where labels go unless the user says otherwise: ``<image>_labels.zarr``."""
    return default_path(image, folder).with_suffix(ENDING)


def disk_job(
    image: Image,
    stack: Stack,
    axes: Sequence[int] | None,
    settings: Settings,
    output: Path,
    link: str | None = None,
) -> DiskJob:
    """Gather what a run needs.

    Parameters
    ----------
    image : napari.layers.Image
    stack : Stack
        Of `plane_stack` or `stack_of`.
    axes : sequence of int or None
        Axes of the image that the labels have; None: y and x.
    settings : Settings
    output : Path
    link : str or None
    """
    spatial = spatial_metadata(image, axes)
    return DiskJob(
        image.name,
        stack,
        settings,
        output,
        tuple(float(step) for step in spatial["scale"]),
        tuple(str(unit) for unit in spatial["units"]),
        link,
    )


def disk_steps(job: DiskJob) -> Generator[Progress, None, OnDisk]:
    """Segment the image of a job; torch is loaded here, in the worker thread.

    Blocks that are done stay beside the output when the run is cancelled; a run with
    the same image, settings and output goes on from there.

    Yields
    ------
    Progress
        A cancelled run ends at one of these.

    Returns
    -------
    OnDisk
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        card = read_card(find_weights(job.settings.model))
        store = LabelStore(
            job.output,
            axes=job.stack.axes,
            scale=job.scale,
            units=job.units,
            settings=job.settings,
            weights_hash=card.get("sha256"),
        )
        found = yield from segment_planes(
            job.stack, job.settings, None, job.name, link=job.link, store=store
        )
        store.finish(found.objects)
    return OnDisk(store.output, found)


def disk_layer(result: OnDisk, image: Image, axes: Sequence[int] | None) -> Labels:
    """The labels of a run as a layer that is edited on disk, over its image."""
    found = result.segmentation
    layer = Labels(open_label_zarr(result.path), features=features_table(found))
    place_layer(layer, found, image, "nuclei", "", axes)
    highest = found.objects["label"].max() if len(found.objects) else 0
    layer.selected_label = int(highest) + 1
    return layer
