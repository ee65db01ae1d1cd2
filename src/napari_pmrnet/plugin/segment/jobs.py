"""A run and its steps in the worker thread: from image to layers."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.permit import Permit
from napari_pmrnet.io.space import Space
from napari_pmrnet.plugin.layers.label_export import default_path
from napari_pmrnet.plugin.layers.result_layers import (
    build_layer,
    features_table,
    map_layer,
    place_layer,
)
from napari_pmrnet.plugin.layers.shapes import region_of
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.segmentation import segment_steps
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment import more_maps_steps
from napari_pmrnet.segmentation.segment_stack import segment_planes
from napari_pmrnet.segmentation.stack import Stack
from napari_pmrnet.segmentation.stack_segmentation import Labelled

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """A segmentation and layers that show it, not yet in a viewer.

    ``path`` is the folder of the labels where these went to disk.
    """

    segmentation: Labelled
    layers: dict[str, Layer]
    path: Path | None = None


@dataclass(frozen=True)
class SegmentationJob:
    """Everything a run needs, taken from the viewer when it starts.

    Attributes
    ----------
    name : str
        Of the image layer, for messages.
    image : Plane or Stack
        The plane on show, or planes. A stack is not copied, because of its size: its
        planes count as they are when their turn comes.
    settings : Settings
    polygons : tuple of (N, 2) arrays
        Outline of the region of a plane in pixels; empty for the whole image.
    link : str or None
        Axis of a stack through which nuclei keep their number.
    output : Path or None
        Folder for labels that are too large for memory, ending in ``.zarr``; takes a
        stack.
    permit : Permit
        What may be replaced there.
    wanted : tuple of str
        Kinds of layers to build in the worker thread, unless labels go to disk.
    spatial : mapping
        Where the labels belong: ``scale``, ``units`` and ``translate`` of their axes,
        and more.
    """

    name: str
    image: Plane | Stack
    settings: Settings
    polygons: tuple[NDArray[np.float64], ...] = ()
    link: str | None = None
    output: Path | None = None
    permit: Permit = Permit()
    wanted: tuple[str, ...] = ()
    spatial: Mapping[str, Any] = field(default_factory=dict)


def segmentation_steps(job: SegmentationJob) -> Generator[Progress, None, Outcome]:
    """Segment the image of a job; torch is loaded here, in the worker thread.

    Blocks that are done stay beside the output when the run is cancelled; a run with
    the same image, settings and output goes on from there.

    Parameters
    ----------
    job : SegmentationJob
        Snapshot of the image, its region and settings.

    Yields
    ------
    Progress
        How far the run is, over all planes; a cancelled run ends at one of these.

    Returns
    -------
    Outcome
        Segmentation and the layers wanted, which are built here because napari takes
        its time over the first labels of a session.
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        segmentation: Labelled
        if isinstance(job.image, Plane):
            yield Progress(0, 0, "Reading the image...")
            plane = job.image
            region = region_of(job.polygons, plane.shape) if job.polygons else None
            segmentation = yield from segment_steps(plane, job.settings, region=region)
        else:
            segmentation = yield from segment_planes(
                job.image,
                job.settings,
                None,
                job.name,
                link=job.link,
                maps=job.output is None and job.image.keeps_maps,
                store=None if job.output is None else _store(job, job.output),
            )
        layers = {}
        if job.output is None:
            for kind in job.wanted:
                if kind == "nuclei" or kind in segmentation.maps:
                    yield Progress(1, 1, "Making layers...")
                    layers[kind] = build_layer(segmentation, kind, job.spatial)
    return Outcome(segmentation, layers, job.output)


def more_map_layers(
    plane: Plane, found: Segmentation, spatial: Mapping[str, Any]
) -> Generator[Progress, None, dict[str, Layer]]:
    """Layers of the maps of the parts of the network, by kind; see `more_maps_steps`.

    Parameters
    ----------
    plane : Plane
    found : Segmentation
    spatial : mapping
        Of the layers, from ``spatial_metadata``.
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        maps = yield from more_maps_steps(plane, found)
        yield Progress(1, 1, "Making layers...")
        return {kind: map_layer(kind, maps[kind], **spatial) for kind in maps}


def _store(job: SegmentationJob, output: Path) -> LabelStore:
    """The store of a job's labels."""
    kept = {name: job.spatial[name] for name in ("scale", "units", "translate")}
    space = Space.of(**kept)
    return LabelStore(output, space, overwrite=job.permit)


def lies_at(layer: Layer, path: Path) -> bool:
    """Tell whether the labels of a layer are edited where they lie on disk."""
    root = getattr(getattr(layer.data, "store", None), "root", None)
    return root is not None and os.path.realpath(root) == os.path.realpath(path)


def proposed_path(image: Image, folder: str | Path | None) -> Path:
    """Propose where labels go: ``<image>_labels.zarr``."""
    return default_path(image, folder).with_suffix(Format.ZARR.ending)


def disk_layer(
    outcome: Outcome,
    path: Path,
    image: Image,
    plane: str = "",
    axes: Sequence[int] | None = None,
) -> Labels:
    """The labels of a run as a layer that is edited on disk, over its image."""
    found = outcome.segmentation
    layer = Labels(open_label_zarr(path), features=features_table(found))
    place_layer(layer, found, image, "nuclei", plane, axes)
    layer.selected_label = int(found.objects["label"].to_numpy().max(initial=0)) + 1
    return layer
