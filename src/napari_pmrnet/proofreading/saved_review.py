"""A review saved to a folder, in files that other programs open too."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.map_stack import read_stack, write_stack
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.tiff import read_tiff_array
from napari_pmrnet.io.write import replace_file

VERSION = 1
INDEX = "review.json"
LABELS, FOUND, MAPS, TABLE = "labels.tif", "found.tif", "maps.tif", "nuclei.csv"


@dataclass(frozen=True)
class SavedReview:
    """A review on disk.

    Attributes
    ----------
    labels, found : ndarray of int32, shape (H, W)
        Labels as corrected, and as they were found.
    maps : dict of ndarray, each (H, W)
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
    statuses: dict[tuple[str, int], str] = field(default_factory=dict)
    image: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    space: Space = Space.of_plane((1.0, 1.0))


def save_review(
    folder: str | Path, review: SavedReview, table: pd.DataFrame | None = None
) -> Path:
    """Save a review.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there; what it holds of an earlier save is replaced, each file
        whole or not at all and the index last.
    review : SavedReview
    table : DataFrame, optional
        Measurements, written as CSV for other programs.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        If something cannot be written, or the folder holds other things but no review.
    """
    folder = Path(folder)
    _check_folder(folder)
    provenance = Provenance.from_dict(review.made)
    for name, labels in ((LABELS, review.labels), (FOUND, review.found)):
        write_labels(folder / name, labels, review.space, provenance, overwrite=True)
    if review.maps:
        write_stack(folder / MAPS, review.maps, review.space, overwrite=True)
    else:
        (folder / MAPS).unlink(missing_ok=True)
    if table is not None:
        text = table.to_csv(float_format="%.6g", lineterminator="\n").encode()
        replace_file(folder / TABLE, lambda stream: stream.write(text), True)
    index = {
        "version": VERSION,
        "image": review.image,
        "made": review.made,
        "pixel_size": list(review.space.pixel_size),
        "unit": review.space.unit,
        "scale": list(review.space.scale),
        "translate": list(review.space.translate),
        "maps": list(review.maps),
        "statuses": [[*place, status] for place, status in review.statuses.items()],
    }
    text = json.dumps(index, indent=1).encode()
    replace_file(folder / INDEX, lambda stream: stream.write(text), True)
    return folder


def load_review(folder: str | Path) -> SavedReview:
    """Open a saved review.

    Raises
    ------
    DataError
        If the folder holds no review, or a part of it is missing or of another shape.
    """
    folder = Path(folder)
    try:
        index = json.loads((folder / INDEX).read_text())
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
    labels, found = (_read_labels(folder / name) for name in (LABELS, FOUND))
    maps = read_stack(folder / MAPS) if index["maps"] else {}
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
        {(kind, number): status for kind, number, status in index["statuses"]},
        index["image"],
        index["made"],
        Space.of(
            "yx",
            index.get("scale", index["pixel_size"]),
            (index["unit"],) * 2,
            index.get("translate"),
        ),
    )


def _read_labels(path: Path) -> np.ndarray:
    """Labels of a saved review, int32 (H, W)."""
    labels = read_tiff_array(path)
    check_labels(labels, str(path))
    return labels.astype(np.int32)


def _check_folder(folder: Path) -> None:
    """Make a folder, or see that nothing of the user's is there."""
    if folder.is_dir():
        if any(folder.iterdir()) and not (folder / INDEX).exists():
            ours = {LABELS, FOUND, MAPS, TABLE}
            if {path.name for path in folder.iterdir()} - ours:
                raise DataError(
                    f"{folder}: holds other files. Choose a new or empty folder."
                )
        return
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be made ({error.strerror or error}). Choose another "
            "place."
        ) from error
