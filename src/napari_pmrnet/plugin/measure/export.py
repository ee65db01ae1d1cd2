"""The files that nuclei are exported to."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.batch.counts import write_counts
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.map_stack import write_stack
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.rois import write_geojson, write_rois
from napari_pmrnet.io.space import Space
from napari_pmrnet.plugin.layers.label_export import default_path, export
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.snapshot import Specimen, by_place, measuring_all
from napari_pmrnet.plugin.widgets.formats import ExportFormat
from napari_pmrnet.proofreading.intensities import Options
from napari_pmrnet.proofreading.measure import heads, write_summary, write_table
from napari_pmrnet.proofreading.place import AXIS
from napari_pmrnet.proofreading.queue import axes_of
from napari_pmrnet.proofreading.tracks import tracks

if TYPE_CHECKING:
    from napari.layers import Labels

TABLE, TRACKS, COUNTS = "table", "tracks", "counts"
ROIS, GEOJSON, STACK, LABELS = "rois", "geojson", "stack", "labels"
PAGES = ("certainty", "boundary")
FORMATS = {
    TABLE: ExportFormat(
        "Table (CSV)",
        "nuclei.csv",
        "Table (*.csv)",
        "All measurements, one row a nucleus, units in the heads",
    ),
    TRACKS: ExportFormat(
        "Linked nuclei (CSV)",
        "tracks.csv",
        "Table (*.csv)",
        "Of stacks, one row a number: first and last plane, duration, way, volume",
    ),
    COUNTS: ExportFormat(
        "Counts (CSV)",
        "counts.csv",
        "Table (*.csv)",
        "Nuclei of every measured image on show and of every well, counted by class",
    ),
    ROIS: ExportFormat(
        "ImageJ ROIs (zip)",
        "rois.zip",
        "ImageJ ROIs (*.zip)",
        "Outlines for the ROI manager of ImageJ and Fiji",
    ),
    GEOJSON: ExportFormat(
        "QuPath (GeoJSON)",
        "nuclei.geojson",
        "GeoJSON (*.geojson *.json)",
        "Outlines as detections, with all measurements",
    ),
    STACK: ExportFormat(
        "Labels and maps (TIFF)",
        "maps.tif",
        "TIFF (*.tif *.tiff)",
        "One TIFF with a page each of labels, certainty and boundary",
    ),
    LABELS: ExportFormat(
        "Labels (TIFF)",
        "labels.tif",
        "Label TIFF (*.tif *.tiff)",
        "The label image with its pixel size",
    ),
}


@dataclass(frozen=True)
class Written:
    """A file that was written, and what was measured for it."""

    path: Path
    table: pd.DataFrame | None = None
    remark: str = ""


def proposed_path(layer: Labels, kind: str, folder: Path | None = None) -> Path:
    """Name of a file unless the user says otherwise, such as ``<image>_rois.zip``."""
    path = default_path(layer, folder)
    return path.with_name(f"{path.stem.removesuffix('labels')}{FORMATS[kind].suffix}")


def exporting(
    path: Path,
    kind: str,
    specimens: Mapping[tuple[int, ...], Specimen],
    whole: Any,
    keywords: dict[str, Any],
    overwrite: Overwrite = False,
    options: Options = Options(),  # noqa: B008  frozen
    shown: tuple[int, ...] = (),
    company: Company | None = None,
) -> Generator[tuple[int, int], None, Written]:
    """Steps of an export; runs in a worker thread.

    Parameters
    ----------
    path : Path
    kind : str
        A key of `FORMATS`.
    specimens : mapping of Specimen
        Every plane, frozen.
    whole : array
        Labels of all planes.
    keywords : dict
        For `write_labels`.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.
    options : Options
        Of the measurements.
    shown : tuple of int
        Place of the plane on show.
    company : Company, optional
        Other images that are counted with this one.

    Raises
    ------
    DataError
        If a file cannot be written, or there are no planes to sum up over.
    """
    one = specimens[shown]
    names = {AXIS.format(number): axis.name for number, axis in enumerate(one.axes)}
    axes = (*names.values(), "y", "x")
    if kind == LABELS:
        keywords = {**keywords, "overwrite": overwrite}
        return Written(export(path, whole, keywords))
    if kind == STACK:
        return _write_pages(path, one, overwrite)
    if kind == ROIS:
        whole = np.asarray(whole)
        return Written(write_rois(path, whole, axes=axes, overwrite=overwrite))
    if kind == TRACKS and not shown:
        raise DataError(
            f"'{one.name}' is one plane, so there are no linked nuclei to sum up. "
            "Export the table."
        )
    table = yield from measuring_all(specimens, options)
    if kind == TRACKS:
        summed = tracks(table, one.axes, one.unit)
        return Written(write_summary(path, summed, overwrite=overwrite), table)
    if kind == TABLE:
        named = table.rename(columns=names)
        return Written(write_table(path, named, one.unit, overwrite=overwrite), table)
    if kind == COUNTS:
        return _write_counts(path, one, table, overwrite, company)
    made = write_geojson(
        path,
        np.asarray(whole),
        _by_plane(table, one.unit),
        axes=axes,
        overwrite=overwrite,
    )
    return Written(made, table)


def _by_plane(table: pd.DataFrame, unit: str) -> dict[tuple[int, ...], pd.DataFrame]:
    """Measurements apart by plane, under heads that say their unit."""
    named, steps = table.rename(columns=heads(unit)), axes_of(table)
    parts = by_place(named)
    return {place: rows.drop(columns=steps) for place, rows in parts.items()}


def _write_counts(
    path: Path,
    specimen: Specimen,
    table: pd.DataFrame,
    overwrite: Overwrite,
    company: Company | None,
) -> Written:
    """Counts of the nuclei of all measured images, by the classes of this one."""
    classes = [] if specimen.classes is None else [specimen.classes]
    company = company or Company(Row(specimen.name), {})
    named = table.rename(columns=heads(specimen.unit))
    counts = company.counts(named, [one.named(specimen.unit) for one in classes])
    return Written(write_counts(path, counts.table(), overwrite=overwrite), table)


def _write_pages(path: Path, specimen: Specimen, overwrite: Overwrite) -> Written:
    """Labels and those maps that there are, of one plane."""
    labels = specimen.labels.read()
    only = f" for the plane {specimen.plane} alone" if specimen.plane else ""
    maps = {name: specimen.maps[name] for name in PAGES if name in specimen.maps}
    unit = specimen.unit
    space = Space.of("yx", specimen.scale, (unit, unit), specimen.origin)
    written = write_stack(path, {"labels": labels, **maps}, space, overwrite=overwrite)
    missing = [name for name in PAGES if name not in maps]
    remark = f" without {' and '.join(missing)}, which is not known" if missing else ""
    return Written(written, None, f"{only}{remark}")
