"""Scores of a model on a subset of a packed data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.evaluation.instance import Match, average_precision, match
from napari_pmrnet.evaluation.semantic import dice, protocol_dice, protocol_pair
from napari_pmrnet.pretrained.model import Model
from napari_pmrnet.segmentation import Settings, segment

THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))


@dataclass(frozen=True)
class ImageScore:
    """Scores of one image: Dice at 256 x 256, and matches at native resolution."""

    image_id: str
    modality: str
    dice: float
    dice_native: float
    seconds: float
    matches: list[Match]


def evaluate(
    model: Model,
    dataset: PackedDataset,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[ImageScore]:
    """Score every image of a data set.

    Parameters
    ----------
    model : Model
    dataset : PackedDataset
    settings : Settings, optional
        By default those that users start with.
    progress : callable, optional
        Called with the images done and their number.

    Returns
    -------
    list of ImageScore
        One entry an image, in the order of the data set.
    """
    settings = settings or Settings()
    scores = []
    for image_id in dataset.ids:
        image, truth = dataset.load(image_id)
        result = segment(image, settings, model, image_name=image_id)
        mask = result.maps["probability"] > settings.probability_threshold
        row = dataset.table.loc[image_id]
        scores.append(
            ImageScore(
                image_id,
                str(row.get("modality", "")),
                float(protocol_dice(model.network, [protocol_pair(image, truth)])[0]),
                dice(mask, truth > 0),
                result.seconds,
                match(truth, result.labels, THRESHOLDS),
            )
        )
        if progress is not None:
            progress(len(scores), len(dataset.ids))
    return scores


def summary(scores: list[ImageScore]) -> pd.DataFrame:
    """Scores overall and by modality.

    Parameters
    ----------
    scores : list of ImageScore

    Returns
    -------
    DataFrame
        One row a modality and one, ``all``, for the whole: number of images, mean Dice
        (256 x 256), mean Dice at native resolution, and AP at IoU 0.5, 0.75 and 0.9,
        pooled over the nuclei and as the mean of the images.
    """
    groups = {"all": scores}
    for modality in sorted({s.modality for s in scores} - {""}):
        groups[modality] = [s for s in scores if s.modality == modality]
    return pd.DataFrame({name: _row(group) for name, group in groups.items()}).T


def _row(scores: list[ImageScore]) -> dict[str, float]:
    row = {
        "images": len(scores),
        "Dice": np.mean([s.dice for s in scores]),
        "Dice native": np.mean([s.dice_native for s in scores]),
    }
    for threshold in (0.5, 0.75, 0.9):
        index = THRESHOLDS.index(threshold)
        pooled, per_image = average_precision(s.matches[index] for s in scores)
        row[f"AP{threshold} pooled"] = pooled
        row[f"AP{threshold} per image"] = per_image
    return row


def table(scores: list[ImageScore]) -> pd.DataFrame:
    """One row an image, with its Dice and its AP at every threshold.

    Parameters
    ----------
    scores : list of ImageScore

    Returns
    -------
    DataFrame
        Indexed by image id.
    """
    rows = [
        {
            "image_id": s.image_id,
            "modality": s.modality,
            "dice": s.dice,
            "dice_native": s.dice_native,
            "seconds": s.seconds,
            **{
                f"ap{threshold}": m.precision
                for threshold, m in zip(THRESHOLDS, s.matches, strict=True)
            },
        }
        for s in scores
    ]
    return pd.DataFrame(rows).set_index("image_id")
