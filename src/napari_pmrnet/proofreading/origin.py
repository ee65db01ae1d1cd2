"""The origin of labels under review, and what is proposed for them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_pmrnet.io.label_numbers import check_labels, number_labels
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.place import Plane
from napari_pmrnet.proofreading.planes import whole
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.suggestions import Suggestions, suggest
from napari_pmrnet.segmentation.postprocess import Missed, missed_of
from napari_pmrnet.segmentation.segment import segment_steps
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

if TYPE_CHECKING:
    from napari_pmrnet.models.card import ModelCard
    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.segmentation.plane import Plane as Pixels
    from napari_pmrnet.segmentation.predict import Progress
    from napari_pmrnet.segmentation.stack_segmentation import Labelled
    from napari_pmrnet.settings import Settings


@dataclass(frozen=True)
class Origin:
    """The origin of labels under review.

    Attributes
    ----------
    labels : ndarray of int32, shape (H, W)
        Labels as they were found.
    maps : mapping of ndarray, each (H, W)
        ``probability``, ``boundary`` and ``certainty``.
    flows : ndarray of float32, shape (2, H, W), or None
    card : ModelCard, optional
        Of the model, where it is known.
    missed : Missed, optional
        Nuclei that may have been missed.
    """

    labels: np.ndarray
    maps: Mapping[str, np.ndarray]
    flows: np.ndarray | None
    card: ModelCard | None = None
    missed: Missed | None = None

    @classmethod
    def of(cls, found: Segmentation) -> Origin:
        """The origin of the labels of a segmentation."""
        card = found.model.card
        return cls(found.labels, found.maps, found.flows, card, found.missed())

    def dropped(self) -> np.ndarray | None:
        """Labels (H, W) that were dropped as too uncertain, 0 elsewhere; None: none."""
        if self.missed is None:
            return None
        proposed = self.missed.objects
        numbers = proposed.loc[proposed["dropped"].to_numpy(bool), "label"]
        if numbers.empty:
            return None
        return np.where(np.isin(self.missed.labels, numbers), self.missed.labels, 0)

    def suggestions(self) -> Suggestions | None:
        """Merges and splits; None where the model says nothing of them."""
        if self.flows is None or self.card is None:
            return None
        fitted, calibration = self.card.suggestions, self.card.object_certainty
        if not fitted or not calibration:
            return None
        numbered, names = number_labels(self.labels)
        found = suggest(numbered, self.maps, self.flows, calibration, fitted)
        named = {
            name: names[found.table[name].to_numpy(int)] for name in ("label", "other")
        }
        return Suggestions(found.table.assign(**named), found.parts)


def origin_of(
    source: Labelled | Origin | Mapping[Plane, Origin] | None, plane: Plane
) -> Origin | None:
    """The origin of the labels of a plane of what they come from.

    Parameters
    ----------
    source : Segmentation, StackSegmentation, Origin, mapping of Origin, or None
        A stack has no maps of planes that are blank, or of none where they were not
        kept.
    plane : tuple of int
    """
    if source is None or isinstance(source, Origin):
        return source
    if isinstance(source, Mapping):
        return source.get(plane)
    if not isinstance(source, StackSegmentation):
        return Origin.of(source)
    labels, part = source.labels[plane], source.planes.get(plane)
    if part is None:
        return Origin(labels, {}, None)
    return replace(Origin.of(part), labels=labels)


def origins(labels: np.ndarray) -> dict[Plane, Origin]:
    """Origin of the labels (..., H, W) of each plane of which the maps are gone."""
    planes = np.ndindex(*labels.shape[:-2])
    return {plane: Origin(labels[plane], {}, None) for plane in planes}


def stacked(
    known: Mapping[Plane, Origin],
) -> tuple[dict[str, np.ndarray], dict[Plane, Origin]]:
    """Make the maps of the planes of labels one array each.

    Returns
    -------
    dict of ndarray of float32, each (..., H, W)
        NaN on planes without that map.
    dict of Origin
        The same, with maps that are parts of these arrays.
    """
    names = dict.fromkeys(name for origin in known.values() for name in origin.maps)
    unknown = {p: np.full(o.labels.shape, np.nan, "f4") for p, o in known.items()}
    maps = {
        name: whole({p: o.maps.get(name, unknown[p]) for p, o in known.items()})
        for name in names
    }
    parts = {
        plane: replace(origin, maps={name: maps[name][plane] for name in origin.maps})
        for plane, origin in known.items()
    }
    return maps, parts


def origin_steps(
    labels: np.ndarray, plane: Pixels, settings: Settings
) -> Generator[Progress, None, Origin]:
    """Give labels that came without maps those of their image: the network runs.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Whoever made them.
    plane : Plane
        Their image.
    settings : Settings
        Those that made the labels, or the user's own. Thresholds count for what is
        proposed as missed.

    Yields
    ------
    Progress
        After every batch of tiles.

    Returns
    -------
    Origin

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    WeightsError
        If the model is missing or altered.
    """
    check_labels(labels, plane.name)
    found = yield from segment_steps(plane, settings)
    card, maps, flows = found.model.card, found.maps, found.flows
    missed = missed_of(labels, maps, flows, settings, None, found.diameter, card)
    return Origin(labels, maps, flows, card, missed)


def begin_review(
    labels: np.ndarray,
    origin: Origin | None = None,
    image: np.ndarray | None = None,
    name: str = "",
    course: Course | None = None,
    plane: Plane = (),
) -> Review:
    """Begin the review of labels.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Whoever edits them tells the review.
    origin : Origin, optional
        Without it nothing is known of their certainty.
    image : ndarray, shape (H, W), optional
        For the mean intensity.
    name : str
        The layer or file of the labels, for messages.
    course : Course, optional
        Of the other planes, if there are some.
    plane : tuple of int
        Plane of a stack that the labels are of.

    Raises
    ------
    DataError
        If there are labels that a review does not keep; see `check_labels`.
    EditError
        If labels and maps or image differ in shape.
    """
    check_labels(labels, name)
    course = Course() if course is None else course
    if origin is None:
        nuclei = Nuclei(labels, np.array(labels), image=image)
        return Review(nuclei, course=course, plane=plane)
    calibration = None if origin.card is None else origin.card.object_certainty
    nuclei = Nuclei(
        labels,
        origin.labels,
        origin.maps,
        origin.flows,
        calibration,
        image,
        origin.dropped(),
    )
    return Review(nuclei, origin.missed, origin.suggestions(), course, plane)
