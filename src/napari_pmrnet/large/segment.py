"""Segment a plane that does not fit into memory: labels go to Zarr on disk."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_pmrnet.large.blocks import SIDE
from napari_pmrnet.large.plane import LargePlane
from napari_pmrnet.large.store import LabelStore
from napari_pmrnet.segmentation.kind import refuse_parts
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model


@dataclass(frozen=True)
class LargeSegmentation:
    """Labels of a large image, on disk, and the table of its nuclei.

    Attributes
    ----------
    labels : Path
        OME-Zarr folder of one level, int32 (H, W); see `open_label_zarr`.
    table : Path
        CSV beside it: `objects`.
    objects : DataFrame
        One row a nucleus; see `describe_objects`.
    settings : Settings
    device : str
        The device that was really used.
    notes : tuple of str
        What the user should know, such as a device that ran out of memory.
    seconds : float
        Time of this run, without what an earlier one had done.
    scale : float
        Pixels the network saw for each pixel of the image.
    diameter : float or None
        Of a typical nucleus in pixels, as set or measured; None if none was found.
    """

    labels: Path
    table: Path
    objects: pd.DataFrame
    settings: Settings
    device: str
    notes: tuple[str, ...]
    seconds: float
    scale: float
    diameter: float | None


def segment_large(
    image: LargePlane | Any,
    output: str | Path,
    settings: Settings | None = None,
    model: Model | None = None,
    **keywords: Any,
) -> LargeSegmentation:
    """Segment a large image block by block.

    Parameters
    ----------
    image : LargePlane or array-like
        A Zarr or Dask array, a memory map, or anything else with ``shape``, ``dtype``
        and slices, (H, W) or (H, W, 3).
    output : str or Path
        Folder for the labels, ending in ``.zarr``.
    settings : Settings, optional
        By default with the thresholds that were tuned for the model.
    model : Model, optional
        By default the model and device that the settings name.
    **keywords
        ``scale`` and ``units`` of y and x, as for `create_label_zarr`; ``block``, most
        pixels along a side of a block: memory grows with its square.

    Returns
    -------
    LargeSegmentation

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    DataError
        If the output cannot be written, or zarr is not installed.
    WeightsError
        If the model is missing or altered.
    """
    steps = segment_large_steps(image, output, settings, model, **keywords)
    return run_to_end(steps)


def segment_large_steps(
    image: LargePlane | Any,
    output: str | Path,
    settings: Settings | None = None,
    model: Model | None = None,
    *,
    scale: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
    block: int = SIDE,
) -> Generator[Progress, None, LargeSegmentation]:
    """`segment_large` as a generator: the same parameters, result and errors.

    Blocks that are done are kept beside the output until the labels are whole, so that
    a run that was stopped goes on where it was, if it is asked for the same.

    Yields
    ------
    Progress
        After every batch of windows, counted over all blocks.
    """
    started = time.perf_counter()
    plane = image
    if settings is None:
        settings = Settings() if model is None else Settings.for_card(model.card)
    if not isinstance(image, LargePlane):
        plane = LargePlane([image], channel=settings.channel, name=Path(output).stem)
    if model is None:
        yield Progress(0, 0, "loading the network")
        from napari_pmrnet.pretrained import shared_model

        model = shared_model(settings.model, settings.device)
    refuse_parts(model.card, plane.name, "Shrink it, and segment it at once.")
    store = LabelStore(
        output,
        scale=scale,
        units=units,
        settings=settings,
        weights_hash=model.card.get("sha256"),
        block=block,
    )
    store.create(plane.shape)
    found = yield from store.label(plane, (), settings, model)
    store.finish(found.objects)
    return LargeSegmentation(
        store.output,
        store.table,
        found.objects,
        settings,
        model.runs_on,
        found.notes,
        time.perf_counter() - started,
        found.sight.scale,
        found.sight.diameter,
    )
