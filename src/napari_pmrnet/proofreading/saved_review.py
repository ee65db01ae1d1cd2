"""A review saved to a folder, in files that other programs open too.

The files of a new save are written aside, all of them. Renaming the folder they are in
makes them the ones that count; only then do they take the places of the old ones, one
by one. So whoever is killed, and whenever, the folder holds the old review or the new.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.lock import OwnerLock, TakenError
from napari_pmrnet.io.map_stack import read_stack, write_stack
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.settle import patiently
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.tiff import read_tiff_array
from napari_pmrnet.io.write import replace_file, unwritable, writing
from napari_pmrnet.proofreading.measure import as_csv
from napari_pmrnet.proofreading.place import Place

VERSION = 1
INDEX = "review.json"
LABELS, FOUND, MAPS, TABLE = "labels.tif", "found.tif", "maps.tif", "nuclei.csv"
OURS = ".pmrnet-"
"""How names of passing files and folders begin."""
ASIDE, COUNTS, LOCK = f"{OURS}new", f"{OURS}whole", f"{OURS}saving"
MOST_FAILURES = 5
_ORDER = "tzyx"
TRIES = 20
"""Times that a folder is read which is saved to meanwhile."""


class OtherReviewError(DataError):
    """A folder that holds a review of another image or of other labels."""


@dataclass(frozen=True)
class SavedReview:
    """A review on disk.

    Attributes
    ----------
    labels, found : ndarray of int32, shape (..., H, W)
        Labels as corrected, and as they were found.
    maps : dict of ndarray, each (..., H, W)
        float32; also ``flow_y`` and ``flow_x`` where there are flows.
    statuses : dict
        Status of places; see `Review`.
    image : str
        `fingerprint` of the image.
    made : dict
        How the labels were made: settings, weights, diameter.
    space : Space
        Size of a pixel, and place.
    """

    labels: np.ndarray
    found: np.ndarray
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    statuses: dict[Place, str] = field(default_factory=dict)
    image: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    space: Space = Space.of_plane((1.0, 1.0))


def save_review(
    folder: str | Path,
    review: SavedReview,
    table: pd.DataFrame | None = None,
    replace: bool = False,
) -> Path:
    """Save a review.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there; what it holds of an earlier save of the same review is
        replaced, all of it or nothing.
    review : SavedReview
    table : DataFrame, optional
        Measurements, written as CSV for other programs.
    replace : bool
        Also replace a review of another image, or of other labels of this one.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OtherReviewError
        If the folder holds such a review and `replace` is not set.
    DataError
        If something cannot be written, another program is saving there, or the folder
        holds other things but no review.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be made ({error.strerror or error}). Choose another "
            "place."
        ) from error
    try:
        with OwnerLock(folder / LOCK):
            _finish(folder)
            _check(folder, review, replace)
            _write_aside(folder, review, table)
            _finish(folder)
    except TakenError as error:
        raise DataError(
            f"{folder}: a review is being saved there by {error.owner}. Wait for it, "
            "or choose another folder."
        ) from error
    return folder


def load_review(folder: str | Path) -> SavedReview:
    """Open a saved review.

    Raises
    ------
    DataError
        If the folder holds no review, or a part of it is missing or of another shape.
    """
    folder, failed = Path(folder), 0
    for _ in range(TRIES):
        index = _index(folder)
        try:
            review = _read(folder, index)
        except DataError:
            # A file on its way to its place is there at the next look.
            failed += 1
            if failed >= MOST_FAILURES and _index(folder) == index:
                raise
        else:
            if _index(folder) == index:
                return review
    raise DataError(f"{folder}: is being saved to. Open it when that is done.")


def _write_aside(folder: Path, review: SavedReview, table: pd.DataFrame | None) -> None:
    """Write all files of a review aside, and then make them those that count."""
    aside = folder / ASIDE
    provenance = Provenance.from_dict(review.made)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with writing(folder):
            aside.mkdir()
            space = _in_order(review.space)
            write_labels(aside / LABELS, review.labels, space, provenance)
            write_labels(aside / FOUND, review.found, space, provenance)
            if review.maps:
                write_stack(aside / MAPS, _pages(review.maps), review.space)
            if table is not None:
                text = as_csv(table).encode()
                replace_file(aside / TABLE, text, False)
            text = json.dumps(_about(review, aside), indent=1).encode()
            replace_file(aside / INDEX, text, False)
            patiently(partial(aside.rename, folder / COUNTS))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _about(review: SavedReview, files: Path) -> dict[str, Any]:
    """The index of a review whose other files lie in a folder."""
    return {
        "version": VERSION,
        "saved": uuid4().hex,
        "files": sorted(path.name for path in files.iterdir()),
        "image": review.image,
        "made": review.made,
        "pixel_size": list(review.space.pixel_size),
        "unit": review.space.unit,
        "scale": list(review.space.scale),
        "translate": list(review.space.translate),
        "maps": list(review.maps),
        "statuses": [[*place, status] for place, status in review.statuses.items()],
        **_about_planes(review),
    }


def _about_planes(review: SavedReview) -> dict[str, Any]:
    """Facts for the index of a stack that a plain image goes without."""
    if review.labels.ndim == 2:
        return {}
    axes, units = list(review.space.axes), list(review.space.units)
    return {"shape": list(review.labels.shape), "axes": axes, "units": units}


def _in_order(space: Space) -> Space:
    """A space under whose names of axes label files keep their order.

    They store t before z. Axes without names are taken for these in their order.
    """
    known = [_ORDER.find(name) for name in space.axes]
    if known == sorted(known):
        return space
    return Space((), space.scale, space.units, space.translate)


def _pages(maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Maps plane by plane, those of a stack under the name and the plane's number."""
    return {
        f"{name} {number}" if values.ndim > 2 else name: plane
        for name, values in maps.items()
        for number, plane in enumerate(values.reshape(-1, *values.shape[-2:]))
    }


def _maps(path: Path, index: dict[str, Any]) -> dict[str, np.ndarray]:
    """Maps of a file."""
    pages = read_stack(path)
    if "shape" not in index:
        return pages
    count = int(np.prod(index["shape"][:-2]))
    try:
        return {
            name: _shaped(np.stack([pages[f"{name} {n}"] for n in range(count)]), index)
            for name in index["maps"]
        }
    except KeyError as error:
        raise DataError(
            f"{path}: the page {error} is missing. Save the review again."
        ) from error


def _shaped(array: np.ndarray, index: dict[str, Any]) -> np.ndarray:
    """An array with the axes of length one that files leave out."""
    shape = index.get("shape", array.shape)
    return array.reshape(shape) if array.size == np.prod(shape) else array


def _finish(folder: Path) -> None:
    """Put the files that count into their places, the index last.

    Raises
    ------
    DataError
        If one is held open by another program. The review is whole nevertheless.
    """
    whole = folder / COUNTS
    if not whole.is_dir():
        return
    place = folder
    try:
        if (whole / INDEX).exists():
            names = _index(folder)["files"]
            for name in names:
                place = folder / name
                with suppress(FileNotFoundError):  # it is in its place already
                    patiently(partial(os.replace, whole / name, place))
            for name in {MAPS, TABLE} - set(names):
                place = folder / name
                place.unlink(missing_ok=True)
            place = folder / INDEX
            patiently(partial(os.replace, whole / INDEX, place))
        whole.rmdir()
    except OSError as error:
        raise unwritable(place, error) from error


def _at(folder: Path, name: str) -> Path:
    """The file of a review that counts."""
    newest = folder / COUNTS / name
    return newest if newest.exists() else folder / name


def _index(folder: Path) -> dict[str, Any]:
    """Read what counts of the index.

    Raises
    ------
    DataError
        If there is none, or it is of a newer version.
    """
    try:
        try:
            text = _at(folder, INDEX).read_text()
        except FileNotFoundError:  # it went to its place meanwhile
            text = (folder / INDEX).read_text()
        index = json.loads(text)
        version = index["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: holds no saved review (no {INDEX} that can be read). Choose "
            "the folder that the review was saved to."
        ) from error
    if version > VERSION:
        raise DataError(
            f"{folder}: was saved by a newer version of napari-pmrnet. Update it."
        )
    return index


def _read(folder: Path, index: dict[str, Any]) -> SavedReview:
    """Read the images of a review."""
    files = (_labels(_at(folder, name)) for name in (LABELS, FOUND))
    labels, found = (_shaped(array, index) for array in files)
    maps = _maps(_at(folder, MAPS), index) if index["maps"] else {}
    for name, array in {FOUND: found, **maps}.items():
        if array.shape != labels.shape:
            raise DataError(
                f"{folder}: {name} has shape {array.shape}, the labels {labels.shape}. "
                "The files are not of one review."
            )
    return SavedReview(
        labels,
        found,
        maps,
        {(*place,): status for *place, status in index["statuses"]},
        index["image"],
        index["made"],
        Space.of(
            index.get("axes", "yx"),
            index.get("scale", index["pixel_size"]),
            index.get("units", (index["unit"],) * 2),
            index.get("translate"),
        ),
    )


def _labels(path: Path) -> np.ndarray:
    """Labels of a saved review, int32."""
    labels = read_tiff_array(path)
    check_labels(labels, str(path))
    return labels.astype(np.int32)


def _check(folder: Path, review: SavedReview, replace: bool) -> None:
    """Raise unless a folder is empty or what it holds may be replaced."""
    others = [path.name for path in folder.iterdir() if not path.name.startswith(OURS)]
    if not others:
        return
    try:
        index = _index(folder)
    except DataError as error:
        raise DataError(
            f"{folder}: holds other files. Choose a new or empty folder."
        ) from error
    if replace:
        return
    if index["image"] != review.image:
        name = index["made"].get("image") or "unknown"
        raise OtherReviewError(
            f"{folder}: holds the review of another image ('{name}'). Replace it only "
            "if you need it no more."
        )
    try:
        found = _shaped(_labels(folder / FOUND), index)
        is_same = np.array_equal(found, review.found)
    except DataError:
        is_same = False
    if not is_same:
        raise OtherReviewError(
            f"{folder}: holds a review of other labels of this image. Replace it only "
            "if you need it no more."
        )
