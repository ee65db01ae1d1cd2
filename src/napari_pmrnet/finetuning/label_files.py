"""Label files of a folder, each tied to the one image that it is of."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format, image_name
from napari_pmrnet.io.label_numbers import check_labels, looks_like_a_picture
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.tiff import labels_said, open_tiff, read_tiff_array


def label_files(images: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Find the labels that a folder has of images.

    Parameters
    ----------
    images : sequence of Path
        None of them is taken for labels.
    folder : Path
        Labels are named ``<file>_labels.tif``, as a batch does where two images differ
        in their ending only, ``<name>_labels.tif`` or ``<name>.tif``. The first of
        these names counts, if the next one is not there too.

    Returns
    -------
    dict
        From images to their labels, without images that have none.

    Raises
    ------
    DataError
        If there are two of an image, or one of two images.
    """
    given = {path.resolve() for path in images}
    found: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for image in images:
        labels = _labels_of(image, folder, given)
        if labels is None:
            continue
        owner = owners.setdefault(labels.resolve(), image)
        if owner.resolve() != image.resolve():
            raise DataError(
                f"{labels}: it is not clear whether it is of {owner} or of {image}. "
                f"Rename the labels of {image.name} to {image.name}_labels.tif."
            )
        found[image] = labels
    return found


def _labels_of(image: Path, folder: Path, given: set[Path]) -> Path | None:
    """The label file of an image, if there is one."""
    exact = _present(f"{image.name}_labels", folder, given)
    stems = dict.fromkeys((image.stem, image_name(image)))
    plain = [
        path
        for stem in stems
        for name in (f"{stem}_labels", stem)
        for path in _present(name, folder, given)
    ]
    choice = exact or plain
    if len(choice) > 1:
        raise DataError(
            f"{image}: {choice[0]} and {choice[1].name} could both hold its labels. "
            "Move the one that does not away."
        )
    return choice[0] if choice else None


def _present(name: str, folder: Path, given: set[Path]) -> list[Path]:
    """Files of a name in a folder that are none of the given images."""
    paths = (folder / f"{name}{ending}" for ending in Format.TIFF.value)
    return [path for path in paths if path.exists() and path.resolve() not in given]


def drawn_labels(
    path: Path, image: Path, pixels: np.ndarray, fingerprints: Container[str]
) -> tuple[np.ndarray, Provenance]:
    """Read the labels of an image.

    Parameters
    ----------
    path : Path
        The label file.
    image : Path
        The image it should be of.
    pixels : ndarray
        Of that image.
    fingerprints : container of str
        Of that image and its channels.

    Returns
    -------
    labels : ndarray of int32, shape (H, W)
    made : Provenance
        What the file says made them.

    Raises
    ------
    DataError
        If they are no labels, hold no nucleus, or say that they are of another image.
    """
    found = read_tiff_array(path)
    if found.ndim != 2 or found.dtype.kind not in "iu":
        raise DataError(f"{path}: labels must be one plane of whole numbers.")
    check_labels(found, str(path))
    if not found.any():
        raise DataError(f"{image}: its labels ({path}) are empty. Leave the image out.")
    if np.array_equal(found, pixels) or looks_like_a_picture(found):
        raise DataError(
            f"{path}: holds a picture, not labels. Put corrected labels there, or "
            "name the folder that they are in."
        )
    with open_tiff(path) as tiff:
        said = labels_said(tiff)
    if said and said.fingerprint and said.fingerprint not in fingerprints:
        name = said.image or "another image"
        raise DataError(
            f"{path}: says that it was made from {name}, whose pixels differ from "
            f"those of {image}. Name the image that it was made from."
        )
    return found.astype(np.int32), said or Provenance()
