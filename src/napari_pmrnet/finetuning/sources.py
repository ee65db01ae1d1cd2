"""Corrections from files: an image, and the review or the labels there are of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_pmrnet.datasets.base import collected, count
from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import (
    Corrections,
    corrections_of,
    limits_of,
)
from napari_pmrnet.finetuning.label_files import drawn_labels, label_files, stem_of
from napari_pmrnet.io.image_place import ImagePlace, images_in
from napari_pmrnet.io.images import ImageData, read_image
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.tiff import read_tiff_array
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

logger = logging.getLogger(__name__)


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
        Of two-dimensional images that `read_image` knows, of files that hold several,
        and of OME-Zarr plates and their wells.
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
        of the journal beside it. Of a file with several images or a plate those that
        were not reviewed, or have no nuclei, are left out; so are images that cannot be
        read, or whose labels cannot, with a warning for each.

    Raises
    ------
    DataError
        If nothing can be read, there is nothing reviewed of a file, or labels or a
        review are of no image or not clearly of one.
    JournalError
        If the journal beside an image is of another one.
    """
    faults: list[str] = []
    files = _images_of(images, faults)
    every = [image for own in files.values() for image in own]
    drawn = {} if labels is None else label_files(every, labels)
    known = _Known(_by_image(reviews), drawn, faults)
    found: list[Corrections] = []
    for path, own in files.items():
        before = len(faults)
        here = [known.of(image, channel) for image in own]
        reviewed = [one for one in here if one is not None]
        if not reviewed and len(faults) == before:
            what = "any of its images" if len(own) > 1 else "it"
            raise DataError(
                f"{path}: there is no review of {what}. Review {what} in napari, or "
                "name the folder of a saved review (--review) or of corrected labels "
                "(--labels)."
            )
        found += reviewed
    if faults and not found:
        raise DataError("\n".join(faults))
    _warn(faults)
    for image_hash, (folder, _) in known.saved.items():
        # With faults, it may be of an image that cannot be read.
        if image_hash not in known.seen and not faults:
            raise DataError(
                f"{folder}: is not the review of any of these images as they are now. "
                "Name its image, or leave it out."
            )
    return found


def _warn(faults: Sequence[str]) -> None:
    """Say what is left out, a line each and then how many there are."""
    for line in faults:
        logger.warning(line)
    if faults:
        are = "is" if len(faults) == 1 else "are"
        logger.warning(f"{count(len(faults), 'image')} {are} left out.")


def _images_of(
    paths: Sequence[Path], faults: list[str]
) -> dict[Path, list[ImagePlace]]:
    """Images by the file or folder that was named; each image once."""
    wells: dict[Path, dict[str, str]] = {}
    seen: set[tuple[Path, int | None]] = set()
    files: dict[Path, list[ImagePlace]] = {}
    for path in map(Path, paths):
        inside: list[ImagePlace] = []
        with collected(faults):
            inside = images_in(path, wells)
        for image in inside:
            if image.key not in seen:
                seen.add(image.key)
                files.setdefault(path, []).append(image)
    return files


class _Known:
    """What is known of images: saved reviews, labels in a folder, journals.

    Parameters
    ----------
    saved : dict
        Saved reviews by the fingerprint of their image, with their folders.
    drawn : dict
        Of `label_files`.
    faults : list of str
        Gets a line for every image that cannot be read, or whose labels cannot.
    """

    def __init__(
        self,
        saved: dict[str, tuple[Path, SavedReview]],
        drawn: dict[ImagePlace, Path],
        faults: list[str],
    ) -> None:
        self.saved, self.drawn, self.faults = saved, drawn, faults
        self.seen: set[str] = set()

    def of(self, place: ImagePlace, channel: int | None) -> Corrections | None:
        """Corrections of an image; None if it has none, or cannot be read."""
        read: list[ImageData] = []
        with collected(self.faults):
            read = read_image(place.path, scene=place.number or 0)
        if not read:
            return None
        (image,) = read
        whole = np.asarray(image.data)
        forms = fingerprints(whole, image.channel_axis, image.rgb)
        self.seen |= forms.keys()
        plane = partial(
            Plane,
            [whole],
            channel=channel,
            channel_axis=image.channel_axis,
            rgb=image.rgb,
            name=place.name,
            channel_names=image.metadata.get("channel_names", ()),
        )
        if place in self.drawn:
            stored: np.ndarray | None = None
            with collected(self.faults):
                stored = read_tiff_array(self.drawn[place])
            if stored is None:
                return None
            file = self.drawn[place]
            labelled, made = drawn_labels(file, stored, place, whole, forms)
            numbers = np.unique(labelled[labelled > 0])
            if not numbers.size:
                return None
            pixels = _segmented(plane(), made, channel, forms, _named(file, image))
            limits = limits_of(made.settings)
            return Corrections(place.name, pixels, labelled, numbers, limits)
        known = next((form for form in forms if form in self.saved), None)
        review = _journal_of(place, forms) if known is None else self.saved[known][1]
        if review is None:
            return None
        made = replace(Provenance.from_dict(review.made), fingerprint=review.image)
        pixels = _segmented(plane(), made, channel, forms)
        limits = limits_of(made.settings)
        return _reviewed(place.name, pixels, review, limits)


def _named(file: Path, image: ImageData) -> int | None:
    """Number of the channel that a label file is named after; None without one."""
    if image.channel_axis is None:
        return None
    stems, stem = image.layer_stems, stem_of(file)
    return stems.index(stem) if stem in stems else None


def _segmented(
    plane: Plane,
    made: Provenance,
    channel: int | None,
    forms: Mapping[str, int | None],
    named: int | None = None,
) -> np.ndarray:
    """Pixels of a plane that labels were made from.

    That is of the channel that the user names, else of the one whose pixels the labels
    know, else of the one that their file is named after, else of the one that their
    settings name.
    """
    if channel is None:
        channel = forms.get(made.fingerprint or "")
    if channel is None and plane.channels > 1:
        told = (made.settings or {}).get("channel")
        channel = told if named is None else named
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


def _journal_of(place: ImagePlace, forms: Mapping[str, int | None]) -> Restored | None:
    """The journal of an image with one of these fingerprints; None if there is none."""
    path = place.path
    places = [*(journal_path(path, form) for form in forms), beside(path)]
    there = [journal for journal in dict.fromkeys(places) if journal.exists()]
    for journal in there:
        kept = read_journal(journal)
        if kept.image in forms:
            return kept
    # The other one may be of another scene of the same file.
    if not there or place.is_one_of_several:
        return None
    raise DataError(
        f"{path}: {there[0]} is the review of another image, or this one was changed "
        "since. Review it in napari, or leave it out."
    )


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
