"""What a run is asked for, and its steps in the worker thread: from image to layers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.layers.label_export import default_path
from napari_pmrnet.plugin.layers.result_layers import (
    build_layer,
    features_table,
    place_layer,
    spatial_metadata,
)
from napari_pmrnet.plugin.layers.shapes import region_of
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.segmentation import segment_steps
from napari_pmrnet.segmentation.label_store import LARGE_PLANE, LabelStore
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment import segment_field_steps
from napari_pmrnet.segmentation.stack import (
    Labelled,
    Stack,
    StackSegmentation,
    segment_planes,
)

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_pmrnet.plugin.layers.axes import Plane
    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """A segmentation and layers that show it, not yet in a viewer."""

    segmentation: Labelled
    layers: dict[str, Layer]


@dataclass(frozen=True)
class SegmentationJob:
    """Everything a run needs, taken from the viewer when it starts.

    Attributes
    ----------
    name : str
        Of the image layer, for messages.
    data : array or list of arrays
        A copy of the plane, or a lazy array that ``plane.index`` is applied to; with
        its coarser copies where it has some.
    plane : Plane
        What the data's axes mean.
    settings : Settings
        Settings of the run.
    polygons : tuple of (N, 2) arrays
        Outline of the region in pixels; empty for the whole image.
    wanted : tuple of str
        Kinds of layers to build in the worker thread.
    spatial : mapping
        Where these layers belong.
    """

    name: str
    data: Any
    plane: Plane
    settings: Settings
    polygons: tuple[NDArray[np.float64], ...] = ()
    wanted: tuple[str, ...] = ()
    spatial: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def snapshot(
        cls,
        name: str,
        data: Any,
        plane: Plane,
        settings: Settings,
        polygons: tuple[NDArray[np.float64], ...] = (),
        wanted: tuple[str, ...] = (),
        spatial: Mapping[str, Any] | None = None,
    ) -> SegmentationJob:
        """Copy what the user could change meanwhile; leave lazy arrays unread."""
        finest = data[0] if isinstance(data, list) else data
        if isinstance(finest, np.ndarray):
            data = finest[plane.index].copy()
        return cls(name, data, plane, settings, polygons, wanted, spatial or {})

    def read(self) -> NDArray:
        """Pixels of the plane, read from disk if they are not in memory yet."""
        if isinstance(self.data, np.ndarray):
            return self.data
        finest = self.data[0] if isinstance(self.data, list) else self.data
        return np.asarray(finest[self.plane.index])


@dataclass(frozen=True)
class StackJob:
    """Everything a run over all planes needs.

    Attributes
    ----------
    name : str
        Of the image layer, for messages.
    stack : Stack
        Not copied, because of its size: planes count as they are when their turn comes.
    settings : Settings
    link : str or None
        Axis through which nuclei keep their number.
    maps : bool
        Whether the maps of all planes are kept.
    wanted : tuple of str
        Kinds of layers to build in the worker thread.
    spatial : mapping
        Where these layers belong.
    """

    name: str
    stack: Stack
    settings: Settings
    link: str | None = None
    maps: bool = False
    wanted: tuple[str, ...] = ()
    spatial: Mapping[str, Any] = field(default_factory=dict)


def segmentation_steps(job: SegmentationJob) -> Generator[Progress, None, Outcome]:
    """Segment the image of a job; torch is loaded here, in the worker thread.

    Parameters
    ----------
    job : SegmentationJob
        Snapshot of the image, its plane, region and settings.

    Yields
    ------
    Progress
        How far the run is; a cancelled run ends at one of these.

    Returns
    -------
    Outcome
        Segmentation and the layers wanted, which are built here because napari takes
        its time over the first labels of a session.
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        yield Progress(0, 0, "Reading the image...")
        region = region_of(job.polygons, job.plane.shape) if job.polygons else None
        if region is None or isinstance(job.data, np.ndarray):
            segmentation = yield from segment_steps(
                job.read(),
                job.settings,
                channel_axis=job.plane.channel_axis,
                rgb=job.plane.rgb,
                region=region,
                image_name=job.name,
            )
        else:
            stack = plane_stack(job.data, job.plane)
            plane = stack.lazy_plane((), job.settings.channel, job.name)
            segmentation = yield from segment_field_steps(plane, region, job.settings)
        layers = yield from _build_layers(segmentation, job.wanted, job.spatial)
    return Outcome(segmentation, layers)


def stack_steps(job: StackJob) -> Generator[Progress, None, Outcome]:
    """Segment all planes of a job, one after the other.

    Parameters
    ----------
    job : StackJob

    Yields
    ------
    Progress
        Over all planes; a cancelled run ends at one of these.

    Returns
    -------
    Outcome
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        segmentation = yield from segment_planes(
            job.stack, job.settings, None, job.name, link=job.link, maps=job.maps
        )
        wanted = [k for k in job.wanted if k == "nuclei" or k in segmentation.maps]
        layers = yield from _build_layers(segmentation, wanted, job.spatial)
    return Outcome(segmentation, layers)


def _build_layers(
    segmentation: Labelled,
    wanted: Iterable[str],
    spatial: Mapping[str, Any],
) -> Generator[Progress, None, dict[str, Layer]]:
    """Make the layers of a result."""
    layers = {}
    for kind in wanted:
        yield Progress(1, 1, "Making layers...")
        layers[kind] = build_layer(segmentation, kind, spatial)
    return layers


def relabel(segmentation: Segmentation, settings: Settings) -> Segmentation:
    """Labels under other thresholds, from the maps at hand."""
    return segmentation.relabel(settings)


def plane_stack(data: Any, plane: Plane) -> Stack:
    """A plane of a lazy array as a stack of one, none of it read yet.

    Parameters
    ----------
    data : array-like or list of array-like
        Zarr or Dask array, memory map or the like; of a multiscale layer all levels,
        the finest first. Levels with fewer planes than the finest are left out.
    plane : Plane
    """
    import dask.array as da

    levels = data if isinstance(data, list) else [data]
    rows = len(plane.index) - 3 if plane.rgb else len(plane.index) - 2
    leading = levels[0].shape[:rows]
    finest, *coarser = (
        da.asarray(level)[plane.index]
        for level in levels
        if level.shape[:rows] == leading
    )
    return Stack(finest, ("y", "x"), plane.channel_axis, plane.rgb, tuple(coarser))


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
    space : Space
        Of the labels.
    link : str or None
        Axis through which nuclei keep their number.
    """

    name: str
    stack: Stack
    settings: Settings
    output: Path
    space: Space
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
    return default_path(image, folder).with_suffix(Format.ZARR.ending)


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
        Space.of(stack.axes, spatial["scale"], spatial["units"]),
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
            job.space,
            Provenance(job.settings.as_dict(), card.sha256),
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
