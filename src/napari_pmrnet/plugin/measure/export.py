"""The files that nuclei are exported to."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_pmrnet.batch.counts import write_counts
from napari_pmrnet.io.map_stack import write_stack
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.rois import write_geojson, write_rois
from napari_pmrnet.io.space import Space
from napari_pmrnet.plugin.layers.label_export import default_path, export
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.snapshot import Specimen
from napari_pmrnet.plugin.widgets.formats import ExportFormat
from napari_pmrnet.proofreading.intensities import Options
from napari_pmrnet.proofreading.measure import heads, write_table

if TYPE_CHECKING:
    from napari.layers import Labels

TABLE, ROIS, GEOJSON, STACK, LABELS = "table", "rois", "geojson", "stack", "labels"
COUNTS = "counts"
PAGES = ("certainty", "boundary")
FORMATS = {
    TABLE: ExportFormat(
        "Table (CSV)",
        "nuclei.csv",
        "Table (*.csv)",
        "All measurements, one row a nucleus, units in the heads",
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
    specimen: Specimen,
    whole: Any,
    keywords: dict[str, Any],
    overwrite: Overwrite = False,
    options: Options = Options(),  # noqa: B008  frozen
    company: Company | None = None,
) -> Generator[tuple[int, int], None, Written]:
    """Steps of an export; runs in a worker thread.

    Parameters
    ----------
    path : Path
    kind : str
        A key of `FORMATS`.
    specimen : Specimen
        The plane on show, frozen.
    whole : array
        Labels of all planes, which a label TIFF gets.
    keywords : dict
        For `write_labels`.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.
    options : Options
        Of the measurements.
    company : Company, optional
        Other images that are counted with this one.
    """
    if kind == LABELS:
        keywords = {**keywords, "overwrite": overwrite}
        return Written(export(path, whole, keywords))
    labels = specimen.labels.read()
    only = f" for the plane {specimen.plane} alone" if specimen.plane else ""
    if kind == ROIS:
        made = write_rois(path, labels, overwrite=overwrite)
        return Written(made, None, only)
    if kind == STACK:
        return _write_pages(path, specimen, labels, overwrite, only)
    table = yield from specimen.measuring(labels, options)
    if kind == TABLE:
        made = write_table(path, table, specimen.unit, overwrite=overwrite)
        return Written(made, table, only)
    named = table.rename(columns=heads(specimen.unit))
    if kind == COUNTS:
        return _write_counts(path, specimen, table, named, overwrite, company)
    made = write_geojson(path, labels, named, overwrite=overwrite)
    return Written(made, table, only)


def _write_counts(
    path: Path,
    specimen: Specimen,
    table: pd.DataFrame,
    named: pd.DataFrame,
    overwrite: Overwrite,
    company: Company | None,
) -> Written:
    """Counts of the nuclei of all measured images, by the classes of this one."""
    classes = [] if specimen.classes is None else [specimen.classes]
    company = company or Company(specimen.name, {})
    counts = company.counts(named, [one.named(specimen.unit) for one in classes])
    target = write_counts(path, counts.table(), overwrite=overwrite)
    only = f" for the plane {specimen.plane} alone" if specimen.plane else ""
    return Written(target, table, only)


def _write_pages(
    path: Path, specimen: Specimen, labels: Any, overwrite: Overwrite, only: str
) -> Written:
    """Labels and those maps that there are."""
    maps = {name: specimen.maps[name] for name in PAGES if name in specimen.maps}
    unit = specimen.unit
    space = Space.of("yx", specimen.scale, (unit, unit), specimen.origin)
    written = write_stack(path, {"labels": labels, **maps}, space, overwrite=overwrite)
    missing = [name for name in PAGES if name not in maps]
    remark = f" without {' and '.join(missing)}, which is not known" if missing else ""
    return Written(written, None, f"{only}{remark}")
