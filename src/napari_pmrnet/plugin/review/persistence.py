"""Traces of a review on disk and the way back: journal, folder, restored layers.

Everything here runs without a window, and what takes time in a worker thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_pmrnet.errors import JournalError
from napari_pmrnet.io.lock import OwnerLock, TakenError
from napari_pmrnet.io.permit import stamp_of
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.models.card import ModelCard
from napari_pmrnet.models.library import card_with
from napari_pmrnet.plugin.layers.axes import CHANNEL_NAMES, axis_names, first_level
from napari_pmrnet.plugin.layers.image_file import file_of
from napari_pmrnet.plugin.layers.label_colours import apart
from napari_pmrnet.plugin.layers.origins import map_layers
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.layers.source_image import fits, grey_plane, tie
from napari_pmrnet.plugin.layers.spaces import placed, plane_space, space_of
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.journal import (
    Restored,
    fingerprint,
    journal_path,
    read_journal,
)
from napari_pmrnet.proofreading.origin import Origin, begin_review, origin_of
from napari_pmrnet.proofreading.place import Plane
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.saved_review import (
    OtherReviewError,
    SavedReview,
    load_review,
    save_review,
)
from napari_pmrnet.segmentation.postprocess import missed_nuclei, missed_of
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.segmentation.stack_segmentation import Labelled


@dataclass(frozen=True)
class Subject:
    """An image whose nuclei are reviewed, as the journal knows it.

    Attributes
    ----------
    data : array
        All its pixels; of a large one some are read.
    file : Path or None
    plane : str
        Title of the plane; empty for a plain image.
    rgb : bool
        Whether the last axis holds colours.
    """

    data: Any
    file: Path | None = None
    plane: str = ""
    rgb: bool = False

    @classmethod
    def of(cls, image: Image, plane: str = "") -> Subject:
        """The subject an image layer shows."""
        file = file_of(image)
        there = file if file and file.exists() else None
        return cls(first_level(image), there, plane, bool(image.rgb))

    def fingerprint(self) -> str:
        """Hash of the image and the plane."""
        whole = fingerprint(self.data)
        if not self.plane:
            return whole
        return hashlib.blake2b(f"{whole} {self.plane}".encode()).hexdigest()[:32]

    def journal(self, image: str) -> Path:
        """Path of its journal."""
        return journal_path(self.file, image, self.plane)


@dataclass(frozen=True)
class Found:
    """An image known by its pixels, and the journal there is of it.

    Attributes
    ----------
    image : str
        Its fingerprint.
    path : Path
        Where its journal is or belongs.
    stamp : tuple of int
        `stamp_of` the journal when it was read.
    journal : Restored or None
        What the journal there holds.
    fault : str
        Why it cannot be used, if there is one that cannot.
    """

    image: str
    path: Path
    stamp: tuple[int, ...] = ()
    journal: Restored | None = None
    fault: str = ""

    def now(self) -> Found:
        """The same, read anew if the journal has changed since."""
        if stamp_of(self.path) == self.stamp:
            return self
        return found_at(self.path, self.image)


@dataclass(frozen=True)
class Prepared:
    """A review ready to be tied to its layer, its colours, and the journal there is."""

    review: Review
    found: Found | None
    colours: CyclicLabelColormap | None = None


@dataclass(frozen=True)
class Refused:
    """A folder that a review was not saved to, and why the user has to decide."""

    folder: Path
    reason: str


@dataclass(frozen=True)
class Opened:
    """A saved review with the layers to show it in."""

    saved: SavedReview
    labels: Labels
    maps: list[Image]
    origins: dict[Plane, Origin]


def look_for_journal(subject: Subject) -> Found:
    """Find the journal of an image."""
    image = subject.fingerprint()
    return found_at(subject.journal(image), image)


def found_at(path: Path, image: str) -> Found:
    """Read the journal at a place, if there is one."""
    stamp = stamp_of(path)
    if not stamp:
        return Found(image, path)
    try:
        there = read_journal(path)
    except JournalError as error:
        return Found(image, path, stamp, fault=str(error))
    if there.image != image:
        fault = f"{path} is the journal of another image."
        return Found(image, path, stamp, fault=fault)
    return Found(image, path, stamp, there if there.changes else None)


def prepare(
    labels: Any,
    source: Labelled | Origin | Mapping[Plane, Origin] | None,
    subject: Subject | None,
    name: str = "",
) -> Prepared:
    """Begin a review of a copy of the labels; see `preparing`."""
    return run_to_end(preparing(labels, source, subject, name))


def preparing(
    labels: Any,
    source: Labelled | Origin | Mapping[Plane, Origin] | None,
    subject: Subject | None,
    name: str = "",
) -> Generator[tuple[int, int], None, Prepared]:
    """Steps of beginning a review of a copy of the labels, plane by plane.

    It takes seconds for a large plane.

    Parameters
    ----------
    labels : array of int, shape (..., H, W)
        Read here, if it lies on disk.
    source : Segmentation, StackSegmentation, Origin, mapping of Origin, or None
        Where they come from; see `origin_of`.
    subject : Subject, optional
        The image, if its layer is there.
    name : str
        Of the layer, for messages.

    Yields
    ------
    (int, int)
        Planes of a stack looked at so far and in all.

    Returns
    -------
    Prepared
        With the review of the first plane.
    """
    labels = np.asarray(labels)
    fitting = subject is not None and fits(subject.data, labels.shape)
    if subject is not None and fitting and labels.ndim == 2:
        # Read once, for the brightness and for the fingerprint.
        subject = replace(subject, data=np.asarray(subject.data))
    course, every = Course(), list(np.ndindex(*labels.shape[:-2]))
    for number, plane in enumerate(every, start=1):
        pixels = None
        if subject is not None and fitting:
            pixels = grey_plane(np.asarray(subject.data[plane]), subject.rgb)
        origin = origin_of(source, plane)
        told = f"'{name}'" if name else ""
        begin_review(labels[plane], origin, pixels, told, course, plane)
        if plane:
            yield number, len(every)
    found = None if subject is None else look_for_journal(subject)
    return Prepared(course.planes[every[0]], found, apart(labels))


def take_over(path: Path) -> OwnerLock:
    """Have the window that reviews an image stop; returns the lock of the journal.

    Raises
    ------
    JournalError
        If it does not answer.
    """
    owner = OwnerLock(path)
    try:
        owner.take_over()
    except TakenError as error:
        raise JournalError(
            f"{error.owner} does not answer: it is busy, hangs, or cannot write its "
            "last changes down. Close the review there, or try again."
        ) from error
    return owner


def store(
    folder: Path, saved: SavedReview, table: pd.DataFrame, replace: bool
) -> Path | Refused:
    """Save a review to a folder; runs in a worker thread."""
    try:
        return save_review(folder, saved, table, replace)
    except OtherReviewError as error:
        return Refused(folder, str(error))


def restored_layer(journal: Restored, image: Image) -> Labels:
    """A Labels layer over an image with what a journal holds."""
    names = enumerate(axis_names(image))
    axes = [axis for axis, name in names if name not in CHANNEL_NAMES]
    layer = Labels(
        journal.labels.copy(),
        name=f"{image.name} nuclei (restored)",
        metadata={METADATA_KEY: journal.made} if journal.made else {},
        **spatial_metadata(image, axes[-journal.labels.ndim :]),
    )
    tie(layer, image)
    return layer


def snapshot(session: ReviewSession, image: str) -> SavedReview:
    """All of a session that is saved to a folder, copied."""
    course, layer = session.course, session.layer
    shown = {plane: review.labels for plane, review in course.planes.items()}
    return SavedReview(
        planes.whole(shown).copy(),
        planes.originals(course),
        planes.maps(course),
        dict(course.statuses),
        image,
        dict(layer.metadata.get(METADATA_KEY, {})),
        space_of(layer) if layer.ndim > 2 else plane_space(layer),
    )


def open_folder(folder: Path) -> Opened:
    """Read a saved review and make its layers; runs in a worker thread.

    Raises
    ------
    DataError
        If the folder holds no saved review.
    """
    saved = load_review(folder)
    maps = {name: np.asarray(plane) for name, plane in saved.maps.items()}
    spatial = placed(saved.space)
    name = saved.made.get("image") or folder.name
    about = {METADATA_KEY: {"fingerprint": saved.image} | saved.made}
    layer = Labels(
        saved.labels.copy(), name=f"{name} nuclei", metadata=about, **spatial
    )
    images = map_layers(name, maps, metadata=about, **spatial)
    card = card_with(saved.made.get("weights_hash"))
    origins = {
        plane: _origin(
            saved, saved.found[plane], {n: m[plane] for n, m in maps.items()}, card
        )
        for plane in np.ndindex(*saved.found.shape[:-2])
    }
    return Opened(saved, layer, images, origins)


def _origin(
    saved: SavedReview,
    labels: np.ndarray,
    maps: dict[str, np.ndarray],
    card: ModelCard | None,
) -> Origin:
    """Origin of the labels of a plane of a saved review, as far as it says."""
    flows = None
    if {"flow_y", "flow_x"} <= maps.keys():
        flows = np.stack([maps.pop("flow_y"), maps.pop("flow_x")])
    try:
        settings = Settings.of_record(saved.made["settings"])
    except (KeyError, TypeError, ValueError):
        settings = Settings.of_record({})
    missed, diameter = None, saved.made.get("diameter")
    if {"probability", "certainty"} <= maps.keys():
        missed = (
            missed_nuclei(labels, maps, flows, settings, diameter=diameter)
            if card is None
            else missed_of(labels, maps, flows, settings, None, diameter, card)
        )
    return Origin(labels, maps, flows, card, missed)
