"""Labels that other programs made: label images, ROIs, GeoJSON, Cellpose's own file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.draw import ellipse, polygon

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import IMAGES, Format
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_numbers import as_whole, check_labels, looks_like_a_picture
from napari_pmrnet.io.plain_pickle import read_npy
from napari_pmrnet.io.reading import words

if TYPE_CHECKING:
    from roifile import ImagejRoi

ENDINGS = (
    "*.tif",
    "*.tiff",
    "*.png",
    "*.npy",
    "*.zip",
    "*.roi",
    "*.geojson",
)
LARGEST = 268_435_456
"""Bytes that the ROIs of a zip file, or a GeoJSON file, may unpack to."""
_CELLPOSE = "masks"
_CENTRE, _BEYOND = 0.5, 1.0
"""Place of the middle of a pixel in it, and how far outlines may leave the image."""
Ring = np.ndarray
Shape = tuple[int, int]


def read_foreign_labels(path: str | Path, shape: Shape) -> np.ndarray:
    """Labels of an image that another program made.

    Parameters
    ----------
    path : str or Path
        A label image (TIFF, PNG) such as Cellpose, StarDist, Fiji, QuPath and ilastik
        write; an ImageJ ROI or zip of them; GeoJSON such as QuPath's; or ``_seg.npy``
        of Cellpose.
    shape : (height, width)
        Of the image.

    Returns
    -------
    ndarray of int32, shape (H, W)
        ROIs and outlines are numbered by their names where these are numbers, all
        different, else in their order; where they overlap a pixel is that of the first.

    Raises
    ------
    DataError
        If the file cannot be read, holds no labels, or is of an image of another shape.
    """
    path = Path(path)
    kind, ending = Format.of(path), path.suffix.lower()
    if ending == ".npy":
        labels = read_masks(path)
    elif kind is Format.ZIP or ending == ".roi":
        labels = _drawn(path, _named_rois(path), shape)
    elif kind is Format.GEOJSON:
        labels = _drawn(path, _named_features(path), shape)
    elif kind in IMAGES:
        labels = _of_image(path)
    else:
        raise DataError(
            f"{path}: is none of {', '.join(ENDINGS)}. Export the labels as a TIFF."
        )
    if labels.shape != tuple(shape):
        raise DataError(
            f"{path}: is of {labels.shape} pixels, the image of {tuple(shape)}. Choose "
            "the labels of this image."
        )
    check_labels(labels, str(path))
    return labels.astype(np.int32)


def read_masks(path: Path) -> np.ndarray:
    """Masks of a ``_seg.npy`` of Cellpose, or of an NPY file with an array alone.

    Returns
    -------
    ndarray of int
        Without axes of length one.

    Raises
    ------
    DataError
        If it cannot be read, or holds no labels.
    """
    value = read_npy(path)
    masks = value.get(_CELLPOSE) if isinstance(value, dict) else value
    if not isinstance(masks, np.ndarray):
        raise DataError(f"{path}: holds no masks. Save it again with Cellpose.")
    check_labels(masks, str(path))
    return _squeezed(masks)


def _of_image(path: Path) -> np.ndarray:
    """Labels of a label image."""
    (image,) = read_image(path, scene=0)
    labels = _squeezed(np.asarray(image.data))
    if image.rgb or image.channel_axis is not None:
        raise DataError(
            f"{path}: holds colours or channels, not labels. Export the numbers of the "
            "labels, not their colours."
        )
    labels = as_whole(labels)
    check_labels(labels, str(path))
    if looks_like_a_picture(labels):
        raise DataError(
            f"{path}: looks like a picture, most neighbours have different numbers. "
            "Choose a label image."
        )
    return labels


def _squeezed(labels: np.ndarray) -> np.ndarray:
    """Labels without axes of length one, which some programs add."""
    kept = [n for n in labels.shape if n != 1]
    return labels.reshape(kept) if len(kept) >= 2 else labels


Named = tuple[str, list[Ring], bool]
"""A nucleus: its name, rings of corners (y, x), and whether these bound an ellipse."""


def _named_rois(path: Path) -> list[Named]:
    """Areas among the ROIs of a file."""
    found, rois = [], _rois(path)
    for roi in rois:
        rings = _rings_of(roi)
        if rings is not None:
            found.append((roi.name or "", *rings))
    places = {(roi.z_position, roi.t_position, roi.position) for roi in rois}
    if len(places) > 1:
        raise DataError(
            f"{path}: its ROIs are of several planes. Save those of one plane alone."
        )
    return found


def _rois(path: Path) -> list[ImagejRoi]:
    """ROIs of a file, or of a zip of them."""
    from roifile import ImagejRoi

    try:
        if path.suffix.lower() == ".roi":
            return [ImagejRoi.frombytes(path.read_bytes())]
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if e.filename.endswith(".roi")]
            if sum(entry.file_size for entry in entries) > LARGEST:
                raise DataError(f"{path}: unpacks to more than {LARGEST} bytes.")
            return [ImagejRoi.frombytes(archive.read(entry)) for entry in entries]
    except DataError:
        raise
    except Exception as error:
        raise _unread(path, error) from error


def _rings_of(roi: ImagejRoi) -> tuple[list[Ring], bool] | None:
    """Rings of an area, and whether they are an ellipse; None for lines and points."""
    from roifile import ROI_TYPE

    areas = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED, ROI_TYPE.RECT)
    if roi.roitype == ROI_TYPE.OVAL:
        corners = [[roi.top, roi.left], [roi.bottom, roi.right]]
        return [np.array(corners, float)], True
    if roi.roitype not in areas:
        return None
    rings = roi.coordinates(multi=True)
    return [np.asarray(ring, float)[:, ::-1] for ring in rings], False


def _named_features(path: Path) -> list[Named]:
    """Polygons of a GeoJSON file."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path}: is larger than {LARGEST} bytes.")
        value = json.loads(path.read_bytes())
    except DataError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise _unread(path, error) from error
    features = value.get("features", [value]) if isinstance(value, dict) else value
    found: list[Named] = []
    try:
        for feature in features:
            geometry = feature["geometry"]
            shapes = geometry.get("coordinates")
            if geometry["type"] == "Polygon":
                shapes = [shapes]
            elif geometry["type"] != "MultiPolygon":
                continue
            rings = [np.array(r, float)[:, 1::-1] for rings in shapes for r in rings]
            name = (feature.get("properties") or {}).get("name") or ""
            found.append((str(name), rings, False))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise _unread(path, error) from error
    return found


def _drawn(path: Path, nuclei: Sequence[Named], shape: Shape) -> np.ndarray:
    """Labels of outlines."""
    if not nuclei:
        raise DataError(f"{path}: holds no outlines of areas. Choose another file.")
    labels = np.zeros(shape, np.int32)
    for number, (_, rings, is_ellipse) in zip(_numbers(nuclei), nuclei, strict=True):
        if not all(np.isfinite(ring).all() for ring in rings):
            raise DataError(f"{path}: an outline has no place (no finite numbers).")
        corners = np.concatenate(rings) if rings else np.zeros((1, 2))
        if (corners < -_BEYOND).any() or (corners > np.add(shape, _BEYOND)).any():
            raise DataError(
                f"{path}: outlines reach beyond the image of {tuple(shape)} pixels. "
                "Choose the ones of this image."
            )
        mask, (top, left) = _filled(corners, rings, shape, is_ellipse)
        part = labels[top : top + mask.shape[0], left : left + mask.shape[1]]
        part[mask & (part == 0)] = number
    return labels


def _numbers(nuclei: Sequence[Named]) -> Iterable[int]:
    """Numbers of nuclei: their names if all are numbers that differ, else 1 to n."""
    names = [name.lstrip("0") for name, *_ in nuclei]
    whole = all(name.isascii() and name.isdigit() and len(name) < 10 for name in names)
    if whole and len(set(names)) == len(names):
        return map(int, names)
    return range(1, len(nuclei) + 1)


def _filled(
    corners: np.ndarray, rings: Sequence[Ring], shape: Shape, is_ellipse: bool
) -> tuple[np.ndarray, Shape]:
    """Pixels whose centre lies in an odd number of rings, and the corner of these."""
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, shape)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, low, shape)
    size: Any = tuple((high - low).tolist())
    mask = np.zeros(size, bool)
    for ring in rings:
        placed = ring - low - _CENTRE
        if is_ellipse:
            (top, left), (bottom, right) = placed
            middle = (top + bottom) / 2, (left + right) / 2
            radii = (bottom - top) / 2, (right - left) / 2
            inside = ellipse(*middle, *radii, shape=size)
        else:
            inside = polygon(placed[:, 0], placed[:, 1], shape=size)
        mask[inside] ^= True
    return mask, (int(low[0]), int(low[1]))


def _unread(path: Path, error: Exception) -> DataError:
    """The error to raise for a file that cannot be made sense of."""
    return DataError(
        f"{path}: cannot be read, it is damaged or no such file ({words(error)}). "
        "Export it again."
    )
