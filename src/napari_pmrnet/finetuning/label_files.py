"""Label files of a folder, each tied to the one image that it is of."""

from __future__ import annotations

import glob
from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format, image_name
from napari_pmrnet.io.image_place import ImagePlace, images_named
from napari_pmrnet.io.label_numbers import check_labels, looks_like_a_picture
from napari_pmrnet.io.ome_plate import name_in_zarr
from napari_pmrnet.io.ome_zarr import is_zarr
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.tiff import labels_said, open_tiff

ENDING = "_labels"


def label_files(images: Sequence[ImagePlace], folder: Path) -> dict[ImagePlace, Path]:
    """Find the labels that a folder has of images.

    Parameters
    ----------
    images : sequence of ImagePlace
        None of them is taken for labels.
    folder : Path
        Labels are named ``<file>_labels.tif``, as a batch does where two images differ
        in their ending only, ``<name>_labels.tif`` or ``<name>.tif``. The first of
        these names counts, if the next one is not there too. Of a file with several
        images, or a plate, `ImagePlace.stems` stand in for file and name. Else that
        counts which a dock exports the labels of their layer, or of that of one of
        their channels, under; unless another image has that very name.

    Returns
    -------
    dict
        From images to their labels, without images that have none.

    Raises
    ------
    DataError
        If there are two of an image, one of two images, or such that could be of any
        image of a file with several.
    """
    given = {image.path.resolve() for image in images}
    found: dict[ImagePlace, Path] = {}
    owners: dict[Path, ImagePlace] = {}
    for image in dict.fromkeys(images):
        labels = _labels_of(image, folder, given)
        if labels is None:
            continue
        owner = owners.setdefault(labels.resolve(), image)
        if owner is not image:
            own = image.stems()[1]
            remedy = f"Rename the labels of {image.name} to {own}_labels.tif."
            if owner.stems()[1] == own:
                remedy = "Give one of them another name, and its labels too."
            raise DataError(
                f"{labels}: it is not clear whether it is of {_told(owner)} or of "
                f"{_told(image)}. {remedy}"
            )
        found[image] = labels
    _refuse_of_whole(images, found, folder, given)
    return found


def _told(image: ImagePlace) -> str:
    """An image with its path, in a message."""
    return f"{image.path} [{image.scene}]" if image.scene else str(image.path)


def _refuse_of_whole(
    images: Sequence[ImagePlace],
    found: Container[ImagePlace],
    folder: Path,
    given: set[Path],
) -> None:
    """Refuse labels named after a file of several images, none of which has its own."""
    files: dict[Path, list[ImagePlace]] = {}
    for image in images:
        if image.is_one_of_several:
            path = image.path if image.field is None else image.field.plate
            files.setdefault(path, []).append(image)
    for path, own in files.items():
        labels = _labels_of(ImagePlace(path), folder, given)
        if labels is not None and not any(image in found for image in own):
            raise DataError(
                f"{labels}: it is not clear which image of {path} it is of. Name it "
                f"after that one, such as {own[0].stems()[0]}_labels.tif."
            )


def _labels_of(image: ImagePlace, folder: Path, given: set[Path]) -> Path | None:
    """The label file of an image, if there is one."""
    short, whole = image.stems()
    stems = dict.fromkeys((short,))
    if not image.is_one_of_several:
        stems = dict.fromkeys((image.path.stem, short))
    exact = _present(f"{whole}_labels", folder, given) if whole != short else []
    plain = [
        path
        for stem in stems
        for name in (f"{stem}_labels", stem)
        for path in _present(name, folder, given)
    ]
    choice = exact or plain or _exported(image, folder, given)
    if len(choice) > 1:
        raise DataError(
            f"{_told(image)}: {choice[0]} and {choice[1].name} could both hold its "
            "labels. Move the one that does not away."
        )
    return choice[0] if choice else None


def _exported(image: ImagePlace, folder: Path, given: set[Path]) -> list[Path]:
    """Label files named after the layer of a scene or of a channel.

    That is ``<file> <number>_ <scene>``, ``<file> <channel>`` or both. Images of a Zarr
    folder are called by their names there, which are numbers from 0. What is named
    after a whole image is of that.
    """
    name = glob.escape(name_in_zarr(image.path))
    found = [
        path
        for path in sorted(folder.glob(f"{name} *{ENDING}.*"))
        if Format.of(path) is Format.TIFF and path.resolve() not in given
    ]
    if not found:
        return []
    layers: list[str] = []
    with suppress(DataError):  # which is told when the image is read
        layers = image.layer_stems()
    whole = {image_name(path) for path in given}
    return [
        path
        for path in found
        if (_is_of_scene(stem_of(path), image) or stem_of(path) in layers)
        and stem_of(path) not in whole
        and not _is_image(stem_of(path), image.path.parent)
    ]


def _is_image(stem: str, folder: Path) -> bool:
    """Tell whether a folder has an image of a name, not only a folder of results."""
    named = images_named(stem, folder)
    return any(path.is_file() or is_zarr(path) for path in named)


def _is_of_scene(stem: str, image: ImagePlace) -> bool:
    """Tell whether a name is that of a scene of this number."""
    if image.number is None:
        return False
    number = image.scene if is_zarr(image.path) else image.number + 1
    layer = f"{name_in_zarr(image.path)} {number}"
    return stem == layer or stem.startswith(f"{layer}_ ")


def stem_of(path: Path) -> str:
    """What a label file is named after."""
    return path.stem.removesuffix(ENDING)


def _present(name: str, folder: Path, given: set[Path]) -> list[Path]:
    """Files of a name in a folder that are none of the given images."""
    paths = (folder / f"{name}{ending}" for ending in Format.TIFF.value)
    return [path for path in paths if path.exists() and path.resolve() not in given]


def drawn_labels(
    path: Path,
    found: np.ndarray,
    image: ImagePlace,
    pixels: np.ndarray,
    fingerprints: Container[str],
) -> tuple[np.ndarray, Provenance]:
    """Check the labels of an image.

    Parameters
    ----------
    path : Path
        The label file.
    found : ndarray
        What it holds.
    image : ImagePlace
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
        If they are no labels, say that they are of another image, or hold no nucleus
        though their image is the only one of its file.
    """
    if found.ndim != 2 or found.dtype.kind not in "iu":
        raise DataError(f"{path}: labels must be one plane of whole numbers.")
    check_labels(found, str(path))
    if not found.any() and not image.is_one_of_several:
        raise DataError(
            f"{image.path}: its labels ({path}) are empty. Leave the image out."
        )
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
            f"those of {_told(image)}. Name the image that it was made from."
        )
    return found.astype(np.int32), said or Provenance()
