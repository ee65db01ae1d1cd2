"""Scores of a model on a subset of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.datasets.joined import SET
from napari_pmrnet.datasets.table import MODALITY, SPECKS, column_of
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.certainty import entropy
from napari_pmrnet.evaluation.instance import Match, best_iou, causes_of_misses, match
from napari_pmrnet.evaluation.semantic import (
    dice,
    protocol_image,
    protocol_labels,
    semantic_scores,
)
from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.models.label_kind import LabelKind, classes_of, true_classes
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Segmentation, Settings, segment
from napari_pmrnet.segmentation.flow_labels import components, drop_small
from napari_pmrnet.segmentation.predict import predict, run_to_end
from napari_pmrnet.segmentation.scale import choose_scale

THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
PIXELS_AN_IMAGE = 4000
NO_OBJECTS = pd.DataFrame({"certainty": [], "iou": []}, dtype=float).assign(kept=True)


@dataclass(frozen=True)
class ImageScore:
    """Scores of one image.

    Attributes
    ----------
    image_id, modality : str
        The modality, or what was asked for in its place.
    kind : LabelKind
    semantic : dict
        `semantic_scores` at 256 x 256.
    dice_native : float
        Dice at native resolution.
    seconds : float
        Time from image to labels.
    matches : list of Match, or None
        One an entry of `THRESHOLDS`, at native resolution. Of objects with the
        connected parts of the truth. None where nothing tells objects apart: of
        classes, and of nuclei where the data set unites them.
    objects : DataFrame
        ``certainty`` and best ``iou`` with a true nucleus, one row a predicted one
        before any is dropped for its certainty, and whether it is ``kept``.
    missed : DataFrame
        ``certainty`` and ``iou`` of the proposals of `Segmentation.missed`.
    pixels : DataFrame
        ``certainty``, ``pgrf``, ``entropy`` and ``wrong`` of `PIXELS_AN_IMAGE` pixels
        drawn at random.
    classes : dict
        Dice at native resolution of every class, by name.
    by_class : dict
        `semantic_scores` at 256 x 256 of the classes that are there or were found.
    misses : dict
        `causes_of_misses`; empty where nothing tells objects apart.
    dataset : str
        Name of the data set, of several.
    without_specks : list of Match, or None
        `matches` without what is smaller than the table's `SPECKS` of the image, among
        the true and among the found; None where it says nothing of specks.
    """

    image_id: str
    modality: str
    semantic: dict[str, float]
    dice_native: float
    seconds: float
    matches: list[Match] | None
    objects: pd.DataFrame
    missed: pd.DataFrame
    pixels: pd.DataFrame
    kind: LabelKind = LabelKind.NUCLEI
    classes: dict[str, float] = field(default_factory=dict)
    by_class: dict[str, dict[str, float]] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)
    dataset: str = ""
    without_specks: list[Match] | None = None


def evaluate(
    model: Model,
    dataset: OpenedDataset,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
    by: str = MODALITY,
) -> list[ImageScore]:
    """Score every image of a data set.

    Parameters
    ----------
    model : Model
    dataset : OpenedDataset
    settings : Settings, optional
        By default those that users start with.
    progress : callable, optional
        Called with the images done and their number.
    by : str
        Column of the data set's table that takes the place of the modality.

    Returns
    -------
    list of ImageScore
        One entry an image, in the order of the data set.

    Raises
    ------
    DataError
        If the table has no such column, or labels are of other classes than the model
        knows.
    """
    if by != MODALITY:
        column_of(dataset.table, dataset.source, by)
    settings, scores = settings or Settings(), []
    rng, kind = np.random.default_rng(0), model.card.label_kind
    names = model.card.classes
    apart = kind is LabelKind.OBJECTS or (
        kind is LabelKind.NUCLEI and dataset.instances
    )
    for image_id in dataset.ids:
        image, truth = dataset.load(image_id)
        result = segment(image, settings, model, extra_maps=True, image_name=image_id)
        foreground = result.maps["probability"] > settings.probability_threshold
        if names and truth.max(initial=0) > len(names):
            raise DataError(
                f"{image_id}: has the label {truth.max()}, and '{model.name}' knows "
                f"{', '.join(names)}. Evaluate it on labels of these classes."
            )
        if kind is LabelKind.OBJECTS:
            truth, _ = components(truth > 0)
        seen, true = protocol_classes(model, image, truth, settings.flips)
        scores.append(
            ImageScore(
                image_id,
                _known(dataset, image_id, by),
                semantic_scores(seen > 0, true > 0),
                dice(foreground, truth > 0),
                result.seconds,
                match(truth, result.labels, THRESHOLDS) if apart else None,
                *(_objects(result, truth) if apart else (NO_OBJECTS, NO_OBJECTS)),
                _pixels(result, truth, rng),
                kind,
                class_dice(truth, result.labels, names),
                class_scores(true, seen, names),
                causes_of_misses(truth, result.labels) if apart else {},
                _known(dataset, image_id, SET),
                _without_specks(truth, result.labels, _known(dataset, image_id, SPECKS))
                if apart
                else None,
            )
        )
        if progress is not None:
            progress(len(scores), len(dataset.ids))
    return scores


def _known(dataset: OpenedDataset, image_id: str, column: str) -> str:
    """What the table tells of an image; empty where it does not."""
    known = dataset.table.loc[image_id].get(column)
    return "" if pd.isna(known) else str(known)


def _without_specks(
    truth: np.ndarray, labels: np.ndarray, area: str
) -> list[Match] | None:
    """Matches without labels of fewer pixels than the table tells; None: nothing."""
    least = ceil(float(area or 0))
    if least <= 0:
        return None
    true, found = (drop_small(number_labels(a)[0], least) for a in (truth, labels))
    return match(true, found, THRESHOLDS)


def class_dice(
    truth: np.ndarray, labels: np.ndarray, names: tuple[str, ...]
) -> dict[str, float]:
    """Dice of every class, by name; label k is of the k-th name."""
    numbered = enumerate(names, start=1)
    return {name: dice(labels == k, truth == k) for k, name in numbered}


def class_scores(
    truth: np.ndarray, labels: np.ndarray, names: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """The `semantic_scores` of the classes that are there or were found, by name."""
    scores = {}
    for number, name in enumerate(names, start=1):
        pair = labels == number, truth == number
        if pair[0].any() or pair[1].any():
            scores[name] = semantic_scores(*pair)
    return scores


def protocol_classes(
    model: Model, image: np.ndarray, truth: np.ndarray, flips: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true classes by the protocol of the semantic metrics.

    All that is known of an image is its resized version: its scale is chosen by a first
    look at that.

    Returns
    -------
    tuple of ndarray of int32, shape (256, 256)
        `classes_of` the pixels with a probability above one half, and the true labels.
    """
    planes = protocol_image(image).numpy()
    scale = run_to_end(choose_scale(model, planes, None)).scale
    maps = run_to_end(predict(model, planes, scale=scale, flips=flips)).maps
    return classes_of(maps["probability"] > 0.5, maps), protocol_labels(truth)


def _objects(
    result: Segmentation, truth: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nuclei found, and those that may have been missed, each with its best IoU."""
    every = result.relabel(replace(result.settings, least_certainty=0))
    objects = _with_iou(every.labels, every.objects, truth)
    kept = np.isin(every.objects["label"], every.labels[result.labels > 0])
    return objects.assign(kept=kept), _with_iou(*result.missed(), truth)


def _with_iou(
    labels: np.ndarray, objects: pd.DataFrame, truth: np.ndarray
) -> pd.DataFrame:
    """Certainty of every label beside how well it fits a true nucleus."""
    iou = best_iou(truth, labels)
    return pd.DataFrame(
        {
            "certainty": objects["certainty"].to_numpy(),
            "iou": iou[objects["label"].to_numpy() - 1],
        }
    )


def _pixels(
    result: Segmentation, truth: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Certainty of some pixels beside whether their class is wrong."""
    chosen = rng.integers(truth.size, size=PIXELS_AN_IMAGE)
    maps = {name: values.ravel()[chosen] for name, values in result.maps.items()}
    likely = classes_of(maps["probability"] > 0.5, maps)
    wrong = likely != true_classes(truth.ravel()[chosen], result.model.card.classes)
    return pd.DataFrame(
        {
            "certainty": maps["certainty"],
            "pgrf": maps["pgrf"],
            "entropy": entropy(maps["probability"]),
            "wrong": wrong,
        }
    )
