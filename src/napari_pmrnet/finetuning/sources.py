"""Corrections from files: an image, and the review or the labels there are of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import Corrections, corrections_of
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.tiff import read_tiff_array
from napari_pmrnet.proofreading.journal import (
    Restored,
    fingerprint,
    journal_path,
    read_journal,
)
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.proofreading.saved_review import SavedReview, load_review
from napari_pmrnet.segmentation.plane import Plane


def corrections_of_files(
    images: Sequence[Path],
    reviews: Sequence[Path] = (),
    labels: Path | None = None,
    channel: int | None = None,
) -> list[Corrections]:
    """Corrections of image files.

    Parameters
    ----------
    images : sequence of Path
        Two-dimensional images that `read_image` knows.
    reviews : sequence of Path
        Folders of saved reviews, each of one of the images.
    labels : Path, optional
        Folder with corrected labels named after the images, ``<name>.tif`` or
        ``<name>_labels.tif``; all their nuclei count as reviewed.
    channel : int, optional
        Channel that was segmented.

    Returns
    -------
    list of Corrections
        One an image: of its labels where there are some, else of a saved review, else
        of the journal beside it.

    Raises
    ------
    DataError
        If a file cannot be read, or there is nothing reviewed of an image.
    """
    saved = [load_review(folder) for folder in reviews]
    return [_corrections(Path(path), saved, labels, channel) for path in images]


def _corrections(
    path: Path, saved: Sequence[SavedReview], labels: Path | None, channel: int | None
) -> Corrections:
    found = read_image(path)[0]
    whole = np.asarray(found.data)
    plane = Plane(
        [whole],
        channel=channel,
        channel_axis=found.channel_axis,
        rgb=found.rgb,
        name=path.name,
        channel_names=found.metadata.get("channel_names", ()),
    )
    pixels = plane.read()
    drawn = None if labels is None else _labels_for(path, labels)
    if drawn is not None:
        numbers = np.unique(drawn[drawn > 0])
        if not numbers.size:
            raise DataError(f"{path}: its labels are empty. Leave the image out.")
        return Corrections(path.name, pixels, drawn, numbers)
    image = fingerprint(whole)
    for review in saved:
        if review.image == image:
            return _reviewed(path.name, pixels, review, review.maps)
    journal = journal_path(path, image)
    if not journal.exists():
        raise DataError(
            f"{path}: there is no review of it. Review it in napari, or name the "
            "folder of a saved review (--review) or of corrected labels (--labels)."
        )
    return _reviewed(path.name, pixels, read_journal(journal), {})


def _reviewed(
    name: str,
    pixels: np.ndarray,
    kept: SavedReview | Restored,
    maps: dict[str, np.ndarray],
) -> Corrections:
    """Corrections of a review that lies on disk."""
    shown = {
        name: maps[name]
        for name in ("probability", "boundary", "certainty")
        if name in maps
    }
    whole = shown if len(shown) == 3 else {}
    review = begin_review(kept.labels.copy(), Origin(kept.found, whole, None))
    review.statuses.update(kept.statuses)
    flags = review.flags()
    return corrections_of(
        name, pixels, kept.labels, flags, kept.found, shown.get("certainty")
    )


def _labels_for(path: Path, folder: Path) -> np.ndarray | None:
    """Labels drawn on an image, if the folder has some."""
    for name in (f"{path.stem}.tif", f"{path.stem}_labels.tif"):
        if (folder / name).exists():
            found = read_tiff_array(folder / name)
            if found.ndim != 2 or found.dtype.kind not in "iu":
                raise DataError(
                    f"{folder / name}: labels must be one plane of whole numbers."
                )
            return found.astype(np.int32)
    return None
