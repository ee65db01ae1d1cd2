"""What a run is asked for, and its steps in the worker thread: from image to layers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pmrnet.large.field import segment_field_steps
from napari_pmrnet.plugin._layers import build_layer
from napari_pmrnet.plugin._lazy import plane_stack
from napari_pmrnet.plugin._region import region_of
from napari_pmrnet.plugin._torch import load_torch, quiet_collector
from napari_pmrnet.segmentation import Progress, segment_steps
from napari_pmrnet.segmentation.planes import Labelled, Stack, segment_planes

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_pmrnet.plugin._axes import Plane
    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.segmentation.settings import Settings


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
