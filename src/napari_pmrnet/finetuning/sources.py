"""Corrections from files: an image, and the review or the labels there are of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import (
    Corrections,
    corrections_of,
    limits_of,
)
from napari_pmrnet.finetuning.label_files import drawn_labels, label_files
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.proofreading.journal import (
    Restored,
    beside,
    fingerprints,
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
        Folder with corrected labels, see `label_files`; all their nuclei count as
        reviewed.
    channel : int, optional
        Channel that was segmented; by default the one that labels or review say.

    Returns
    -------
    list of Corrections
        One an image: of its labels where there are some, else of a saved review, else
        of the journal beside it.

    Raises
    ------
    DataError
        If a file cannot be read, there is nothing reviewed of an image, or labels or a
        review are of none or not clearly of one.
    JournalError
        If the journal beside an image is of another one.
    """
    images = [Path(path) for path in images]
    saved = _by_image(reviews)
    drawn = {} if labels is None else label_files(images, labels)
    found: list[Corrections] = []
    seen: set[str] = set()
    for path in images:
        (image,) = read_image(path, scene=0)
        whole = np.asarray(image.data)
        forms = fingerprints(whole, image.channel_axis, image.rgb)
        seen |= forms.keys()
        plane = Plane(
            [whole],
            channel=channel,
            channel_axis=image.channel_axis,
            rgb=image.rgb,
            name=path.name,
            channel_names=image.metadata.get("channel_names", ()),
        )
        known = next((form for form in forms if form in saved), None)
        if path in drawn:
            labelled, made = drawn_labels(drawn[path], path, whole, forms)
            numbers = np.unique(labelled[labelled > 0])
            pixels = _segmented(plane, made, channel, forms)
            limits = limits_of(made.settings)
            one = Corrections(path.name, pixels, labelled, numbers, limits)
            found.append(one)
            continue
        review = _journal_of(path, forms) if known is None else saved[known][1]
        made = replace(Provenance.from_dict(review.made), fingerprint=review.image)
        pixels = _segmented(plane, made, channel, forms)
        limits = limits_of(made.settings)
        found.append(_reviewed(path.name, pixels, review, limits))
    for image_hash, (folder, _) in saved.items():
        if image_hash not in seen:
            raise DataError(
                f"{folder}: is not the review of any of these images as they are now. "
                "Name its image, or leave it out."
            )
    return found


def _segmented(
    plane: Plane,
    made: Provenance,
    channel: int | None,
    forms: Mapping[str, int | None],
) -> np.ndarray:
    """Pixels of a plane that labels were made from.

    That is of the channel that the user names, else of the one whose pixels the labels
    know, else of the one that their settings name.
    """
    if channel is None:
        channel = forms.get(made.fingerprint or "")
    if channel is None and (plane.channels > 1):
        channel = (made.settings or {}).get("channel")
    return plane.read() if channel is None else replace(plane, channel=channel).read()


def _by_image(folders: Sequence[Path]) -> dict[str, tuple[Path, SavedReview]]:
    """Saved reviews by the fingerprint of their image; two of one are refused."""
    found: dict[str, tuple[Path, SavedReview]] = {}
    for folder in dict.fromkeys(map(Path, folders)):
        review = load_review(folder)
        other, _ = found.setdefault(review.image, (folder, review))
        if other != folder:
            raise DataError(
                f"{folder}: is a review of the same image as {other}. Name one."
            )
    return found


def _journal_of(path: Path, forms: Mapping[str, int | None]) -> Restored:
    """The journal of an image file with one of these fingerprints."""
    places = [*(journal_path(path, form) for form in forms), beside(path)]
    journal = next((place for place in places if place.exists()), None)
    if journal is None:
        raise DataError(
            f"{path}: there is no review of it. Review it in napari, or name the "
            "folder of a saved review (--review) or of corrected labels (--labels)."
        )
    kept = read_journal(journal)
    if kept.image not in forms:
        raise DataError(
            f"{path}: {journal} is the review of another image, or this one was "
            "changed since. Review it in napari, or leave it out."
        )
    return kept


def _reviewed(
    name: str,
    pixels: np.ndarray,
    kept: SavedReview | Restored,
    limits: str,
) -> Corrections:
    """Corrections of a review that lies on disk."""
    maps = kept.maps if isinstance(kept, SavedReview) else {}
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
        name, pixels, kept.labels, flags, kept.found, shown.get("certainty"), limits
    )
