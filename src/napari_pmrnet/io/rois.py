"""Nuclei as ROIs for ImageJ and Fiji (ROI manager) and as GeoJSON for QuPath."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_numbers import check_countable
from napari_pmrnet.io.labels import axis_letters
from napari_pmrnet.io.outlines import outlines
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.write import checked_target, replace_file

if TYPE_CHECKING:
    from roifile import ImagejRoi

LARGEST_ROI = 32767
_MOVE, _LINE, _CLOSE = 0, 1, 4


def write_rois(
    path: str | Path,
    labels: np.ndarray,
    *,
    axes: Sequence[str] = (),
    overwrite: Overwrite = False,
) -> Path:
    """Write every nucleus as a ROI of a zip file that ImageJ's ROI manager opens.

    Parameters
    ----------
    path : str or Path
        File to write; without an ending .zip is added.
    labels : ndarray of int, shape (..., H, W)
        0 is background. A nucleus is named by its label, with leading zeros, and of a
        stack by its plane, which it also has as its position.
    axes : sequence of str
        Names of all axes; see `write_labels`.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If there is no nucleus, labels are no whole numbers from 0, the image is larger
        than ImageJ's ROIs can say, or the file cannot be written.
    """
    target = checked_target(path, Format.ZIP, overwrite)
    _check(target, labels)
    letters = axis_letters(axes, labels.ndim)
    if max(labels.shape[-2:]) > LARGEST_ROI:
        raise DataError(
            f"{target}: ROIs of ImageJ end at {LARGEST_ROI} pixels, the labels have "
            f"shape {labels.shape}. Export GeoJSON, or a part of the image."
        )
    digits = len(str(int(labels.max())))

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for plane in np.ndindex(*labels.shape[:-2]):
                place = dict(zip(letters, plane, strict=False))
                title = "".join(f" {axis}={step}" for axis, step in place.items())
                for label, polygons in outlines(labels[plane]):
                    name = f"{label:0{digits}d}{title}"
                    roi = _roi(name, polygons)
                    _put_on_plane(roi, place)
                    archive.writestr(f"{name}.roi", roi.tobytes())

    replace_file(target, write, overwrite)
    return target


def _put_on_plane(roi: ImagejRoi, place: Mapping[str, int]) -> None:
    """Give a ROI its place in a hyperstack, which ImageJ counts from 1."""
    if not place:
        return
    roi.c_position = 1
    roi.z_position, roi.t_position = place.get("z", 0) + 1, place.get("t", 0) + 1
    if len(place) == 1:  # for a stack that is opened as a plain one
        (roi.position,) = (step + 1 for step in place.values())


def _roi(name: str, polygons: list[list[np.ndarray]]) -> ImagejRoi:
    """A traced ROI; of several rings, a composite one."""
    from roifile import ROI_TYPE, ImagejRoi

    rings = [ring for polygon in polygons for ring in polygon]
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(rings[0][:, ::-1].astype(np.int32), name=name)
        roi.roitype = ROI_TYPE.TRACED
        # frompoints counts the last corner as a pixel of its own.
        roi.right, roi.bottom = roi.right - 1, roi.bottom - 1
        return roi
    corners = np.concatenate(rings)
    (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
    roi = ImagejRoi()
    roi.name, roi.roitype = name, ROI_TYPE.RECT
    roi.top, roi.left, roi.bottom, roi.right = map(int, (top, left, bottom, right))
    roi.multi_coordinates = np.array([v for r in rings for v in _path(r)], np.float32)
    roi.shape_roi_size = len(roi.multi_coordinates)
    return roi


def _path(ring: np.ndarray) -> Iterator[int]:
    """Commands of Java's PathIterator that draw a ring."""
    for index, (y, x) in enumerate(ring):
        yield from (_LINE if index else _MOVE, x, y)
    yield _CLOSE


def write_geojson(
    path: str | Path,
    labels: np.ndarray,
    table: pd.DataFrame | Mapping[tuple[int, ...], pd.DataFrame] | None = None,
    *,
    axes: Sequence[str] = (),
    overwrite: Overwrite = False,
) -> Path:
    """Write every nucleus as a detection that QuPath imports.

    Parameters
    ----------
    path : str or Path
        File to write; without an ending .geojson is added.
    labels : ndarray of int, shape (..., H, W)
        0 is background. Nuclei of a stack have its planes.
    table : DataFrame or mapping of DataFrame, optional
        Indexed by label, of a stack one for each plane; the columns become
        measurements, truth values 0 and 1. Missing ones are left out.
    axes : sequence of str
        Names of all axes; see `write_labels`.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If there is no nucleus, or the file cannot be written.
    """
    target = checked_target(path, Format.GEOJSON, overwrite)
    _check(target, labels)
    letters = axis_letters(axes, labels.ndim)
    tables = table if isinstance(table, Mapping) else {(): table}
    features = []
    for plane in np.ndindex(*labels.shape[:-2]):
        own = tables.get(plane)
        rows = {} if own is None else own.to_dict("index")
        place = dict(zip(letters, plane, strict=False))
        features += _features(target.stem, labels[plane], rows, place)
    collection = {"type": "FeatureCollection", "features": features}
    text = json.dumps(collection, separators=(",", ":"), allow_nan=False)
    replace_file(target, text.encode(), overwrite)
    return target


def _features(
    name: str,
    labels: np.ndarray,
    rows: Mapping[Any, Mapping[Any, Any]],
    place: Mapping[str, int],
) -> Iterator[dict[str, Any]]:
    """The nuclei of a plane (H, W) as detections, with the rows of their table."""
    title = "".join(f"/{axis}{step}" for axis, step in place.items())
    where = {"z": place.get("z", 0), "t": place.get("t", 0)}
    plane = {"plane": {"c": -1, **where}} if place else {}
    for label, polygons in outlines(labels):
        yield {
            "type": "Feature",
            "id": str(uuid5(NAMESPACE_OID, f"{name}/{label}{title}")),
            "geometry": {**_geometry(polygons), **plane},
            "properties": {
                "objectType": "detection",
                "name": str(label),
                "measurements": _numbers(rows.get(label, {})),
            },
        }


def _geometry(polygons: list[list[np.ndarray]]) -> dict[str, Any]:
    """GeoJSON of a nucleus; rings there are closed and their places (x, y)."""
    closed = [
        [np.concatenate([r, r[:1]])[:, ::-1].tolist() for r in polygon]
        for polygon in polygons
    ]
    if len(closed) == 1:
        return {"type": "Polygon", "coordinates": closed[0]}
    return {"type": "MultiPolygon", "coordinates": closed}


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a row."""
    numbers = {
        str(name): float(value)
        for name, value in row.items()
        if isinstance(value, (bool, int, float, np.number, np.bool_))
    }
    return {name: value for name, value in numbers.items() if np.isfinite(value)}


def _check(target: Path, labels: np.ndarray) -> None:
    """Raise unless there are outlines to write."""
    check_countable(labels, str(target))
    if not labels.any():
        raise DataError(f"{target}: there is no nucleus to write.")
