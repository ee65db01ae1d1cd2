"""Reach of the gestures of proofreading: trials on truth, a simulated reviewer.

The reviewer knows the truth but may use the tools of `proofreading.edits` only, with a
hand that is off by some pixels, and every gesture is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from lib.clicks import Missed, missed_nuclei
from scipy import ndimage
from skimage.morphology import disk

from napari_pmrnet.errors import EditError
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.proofreading.boxes import grown, union
from napari_pmrnet.proofreading.edits import Edit, snap, split
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.proofreading.place import MISSED, NUCLEUS, Place
from napari_pmrnet.proofreading.planes import merged
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.suggestions import contacts
from napari_pmrnet.segmentation import Segmentation
from napari_pmrnet.segmentation.objects import RIGHT_IOU

HAND = 2.0
ROUGH = 3
MARGIN = 8
ATTEMPTS = 3
SHARE = 0.5


def split_trials(truth: np.ndarray, gate: np.ndarray) -> Iterator[float]:
    """Merge every touching pair of true nuclei and split it by clicks at its centroids.

    Parameters
    ----------
    truth : ndarray of int, shape (H, W)
    gate : ndarray of float32, shape (H, W)

    Yields
    ------
    float
        The IoU of the worse half with its nucleus.
    """
    boxes = ndimage.find_objects(truth)
    touching = contacts(truth, gate)
    for first, second in zip(touching.first, touching.second, strict=True):
        box = grown(union([boxes[first - 1], boxes[second - 1]]), MARGIN, truth.shape)
        part = truth[box]
        both = np.where((part == first) | (part == second), 1, 0).astype(np.int32)
        clicks = [_centroid(part == label) for label in (first, second)]
        try:
            edited = split(both, 1, clicks, gate[box]).applied_to(both)
        except EditError:
            yield 0.0
            continue
        halves = [edited == 1, edited == 2]
        true = [part == first, part == second]
        yield max(
            min(_iou(halves[0], true[0]), _iou(halves[1], true[1])),
            min(_iou(halves[0], true[1]), _iou(halves[1], true[0])),
        )


def snap_trials(
    truth: np.ndarray, gate: np.ndarray, seed: int = 0
) -> Iterator[tuple[str, float, float]]:
    """Dilate, erode and shift every true nucleus by `ROUGH` pixels and snap it.

    Parameters
    ----------
    truth : ndarray of int, shape (H, W)
    gate : ndarray of float32, shape (H, W)
    seed : int
        Of the directions of the shifts.

    Yields
    ------
    str
        ``dilated``, ``eroded`` or ``shifted``; nuclei that erosion wipes out are left
        out there.
    float, float
        IoU with the true nucleus before and after.
    """
    rng = np.random.default_rng(seed)
    for label, found in enumerate(ndimage.find_objects(truth), start=1):
        if found is None:
            continue
        box = grown(found, MARGIN + ROUGH, truth.shape)
        true = truth[box] == label
        angle = rng.uniform(0, 2 * np.pi)
        way = ROUGH * np.sin(angle), ROUGH * np.cos(angle)
        rough = {
            "dilated": ndimage.binary_dilation(true, disk(ROUGH)),
            "eroded": ndimage.binary_erosion(true, disk(ROUGH), border_value=1),
            "shifted": ndimage.shift(true.astype(float), way, order=0) > 0.5,
        }
        for kind, mask in rough.items():
            if mask.any():
                labels = mask.astype(np.int32)
                edited = snap(labels, 1, gate[box]).applied_to(labels)
                yield kind, _iou(mask, true), _iou(edited == 1, true)


class Step(NamedTuple):
    """AP reached after looking at some places: at IoU 0.7, pooled."""

    places: int
    gestures: int
    precision: float


@dataclass
class Reviewer:
    """Corrects segmentations of images whose truth is known, place by place.

    Parameters
    ----------
    cases : sequence of (ndarray, Segmentation)
        True labels and what was found.
    seed : int
        Of the unsteady hand.
    adds : str
        How nuclei are added that are neither labelled nor proposed, once the queue is
        done: by ``click``, by ``brush``, or not at all (empty).
    """

    cases: Sequence[tuple[np.ndarray, Segmentation]]
    seed: int = 0
    adds: str = ""
    reviews: list[Review] = field(init=False)
    gestures: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self.reviews = []
        for _, found in self.cases:
            self.reviews.append(begin_review(found.labels.copy(), Origin.of(found)))
        self._matches = [self._match(image) for image in range(len(self.cases))]

    def places(self) -> pd.DataFrame:
        """Places of all images, the most doubtful first, with the column ``image``."""
        tables = [
            review.places().assign(image=image)
            for image, review in enumerate(self.reviews)
        ]
        tables = [table for table in tables if len(table)]
        return pd.concat(tables).sort_values("doubt", ascending=False, kind="stable")

    def work(self, places: pd.DataFrame) -> Iterator[Step]:
        """Look at places in the order given.

        Yields
        ------
        Step
            First as things are, then after every place.
        """
        yield self._step(0)
        rows = zip(places["image"], places["kind"], places["number"], strict=True)
        for done, (image, kind, number) in enumerate(rows, start=1):
            self.gestures += 1
            if self._look(int(image), (kind, int(number))):
                self._matches[image] = self._match(image)
            yield self._step(done)
        for image, missed in self._missed() if self.adds else ():
            done += 1
            if self._add_missed(image, missed):
                self._matches[image] = self._match(image)
            yield self._step(done)

    def _missed(self) -> Iterator[tuple[int, Missed]]:
        """True nuclei without a label, in the order of the images."""
        for image, (truth, _) in enumerate(self.cases):
            labels = self.reviews[image].labels
            yield from ((image, one) for one in missed_nuclei(truth, labels, self.seed))

    def _add_missed(self, image: int, missed: Missed) -> bool:
        """Add a true nucleus: by a click, else by a drag, else by the brush.

        A click or a drag is a gesture and so is Enter; the brush takes the key of a new
        nucleus, a stroke, and the key that snaps its rim.
        """
        truth, found = self.cases[image]
        review = self.reviews[image]
        true = truth == missed.number
        for across in (None, missed.across) if self.adds == "click" else ():
            self.gestures += 1
            try:
                edit = review.add(missed.click, across)
            except EditError:
                continue
            mask = np.zeros(truth.shape, bool)
            mask[edit.ys, edit.xs] = True
            if _iou(mask, true) >= RIGHT_IOU:
                return self._apply(review, edit)
        label = review.nuclei.next_label()
        return self._apply(
            review, self._repaint(review.labels, label, true, found.maps["boundary"])
        )

    def _step(self, done: int) -> Step:
        pooled, _ = average_precision(self._matches)
        return Step(done, self.gestures, pooled)

    def _match(self, image: int) -> object:
        truth = self.cases[image][0]
        return match(truth, self.reviews[image].nuclei.labels, [RIGHT_IOU])[0]

    def _look(self, image: int, place: tuple[str, int]) -> bool:
        """Correct what is wrong at a place; whether anything was changed."""
        review = self.reviews[image]
        truth = self.cases[image][0]
        changed = False
        if place[0] == MISSED:
            edit = self._add(review, truth, place[1])
            if edit is None:
                return False
            label, changed = int(edit.values[0]), self._apply(review, edit)
        elif place[0] == NUCLEUS:
            label = place[1]
        else:
            edit = self._suggested(review, truth, place)
            if edit is None:
                return False
            label, changed = review.labels_at(place)[0], self._apply(review, edit)
        for _ in range(ATTEMPTS):
            if label not in review.nuclei.table.index:
                break
            edit = self._correct(image, label)
            if edit is None or not self._apply(review, edit):
                break
            changed = True
        return changed

    def _apply(self, review: Review, edit: Edit) -> bool:
        """Apply an edit as one gesture; whether it changed a pixel."""
        if not len(edit.values):
            return False
        self.gestures += 1
        review.nuclei.labels[edit.ys, edit.xs] = edit.values
        return review.follow(edit.box) is not None

    def _add(self, review: Review, truth: np.ndarray, number: int) -> Edit | None:
        """Add a proposal if a true nucleus lies there that has no label yet."""
        try:
            edit = review.proposal((MISSED, number))
        except EditError:
            return None
        wanted = _most_common(truth[edit.ys, edit.xs])
        if not wanted or 2 * np.mean(truth[edit.ys, edit.xs] == wanted) < 1:
            return None
        true = truth == wanted
        taken = _most_common(review.nuclei.labels[true])
        if taken and _iou(review.nuclei.labels == taken, true) >= RIGHT_IOU:
            return None
        return edit

    def _suggested(
        self, review: Review, truth: np.ndarray, place: Place
    ) -> Edit | None:
        """The suggested merge or split, if its nuclei fit the true ones better so."""
        labels = review.nuclei.labels
        try:
            box, edit = review.box(place), review.proposal(place)
        except EditError:
            return None
        if not len(edit.values):
            return None
        part, before = truth[box], labels[box]
        after = edit.applied_to(labels)[box]
        wanted = np.unique(part[np.isin(before, review.labels_at(place))])
        gain = [
            _best_iou(after, part == name) - _best_iou(before, part == name)
            for name in wanted
            if name
        ]
        return edit if sum(gain) > 0 else None

    def _correct(self, image: int, label: int) -> Edit | None:
        """The gesture that mends a nucleus; None if it is right or past mending."""
        truth, found = self.cases[image]
        review = self.reviews[image]
        labels, nuclei = review.labels, review.nuclei
        box = nuclei.box(label)
        mask = labels[box] == label
        under, counts = np.unique(truth[box][mask], return_counts=True)
        inside = {int(n): c for n, c in zip(under, counts, strict=True) if n}
        if not inside:
            return review.delete([label])
        wanted = max(inside, key=inside.get)
        true = truth == wanted
        if _iou(labels == label, true) >= RIGHT_IOU:
            return None
        sizes = np.bincount(truth.ravel())
        whole = [n for n, count in inside.items() if count >= SHARE * sizes[n]]
        if len(whole) >= 2:
            clicks = [self._unsteady(_centroid(truth == n)) for n in whole]
            try:
                return review.split(label, clicks)
            except EditError:
                return None
        pieces, counts = np.unique(labels[true], return_counts=True)
        areas = nuclei.table["area"]
        parts = [
            int(n)
            for n, count in zip(pieces, counts, strict=True)
            if n and n != label and count >= SHARE * areas[n]
        ]
        if parts:
            return merged([review], label, parts)[review.plane]
        if inside[wanted] < 0.2 * mask.sum():
            return review.delete([label])
        return self._repaint(labels, label, true, found.maps["boundary"])

    def _repaint(
        self, labels: np.ndarray, label: int, true: np.ndarray, gate: np.ndarray
    ) -> Edit:
        """Paint a nucleus roughly with the brush, then snap it to the gate."""
        shift = self._rng.normal(0, HAND / np.sqrt(2), 2)
        rough = ndimage.shift(true.astype(np.float32), shift, order=1, mode="nearest")
        rough = ndimage.gaussian_filter(rough, 1.0) > 0.5
        rough &= (labels == 0) | (labels == label)
        painted = np.where(labels == label, 0, labels)
        painted[rough] = label
        self.gestures += 1
        if rough.any():
            snapped = snap(painted, label, gate, reach=3).applied_to(painted)
            if _iou(snapped == label, true) > _iou(rough, true):
                self.gestures += 1
                painted = snapped
        ys, xs = np.nonzero(painted != labels)
        return Edit(ys, xs, painted[ys, xs])

    def _unsteady(self, point: tuple[float, float]) -> tuple[float, float]:
        """A click that misses by `HAND` pixels in some direction."""
        angle = self._rng.uniform(0, 2 * np.pi)
        return point[0] + HAND * np.sin(angle), point[1] + HAND * np.cos(angle)


def places_needed(curve: Sequence[Step], share: float = 0.8) -> float:
    """Share of the places after which a share of the whole gain is reached."""
    precision = np.array([step.precision for step in curve])
    goal = precision[0] + share * (precision[-1] - precision[0])
    return float(np.argmax(precision >= goal)) / max(len(curve) - 1, 1)


def _centroid(mask: np.ndarray) -> tuple[float, float]:
    ys, xs = np.nonzero(mask)
    return float(ys.mean()), float(xs.mean())


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 0.0


def _best_iou(labels: np.ndarray, true: np.ndarray) -> float:
    """IoU of a true nucleus with the label that fits it best."""
    names = np.unique(labels[true])
    return max((_iou(labels == name, true) for name in names if name), default=0.0)


def _most_common(values: np.ndarray) -> int:
    """The most frequent number above 0; 0 if there is none."""
    counts = np.bincount(values[values > 0]) if (values > 0).any() else [0]
    return int(np.argmax(counts))
