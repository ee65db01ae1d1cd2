"""The scores of many images as tables: overall, by modality, by image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from napari_pmrnet.evaluation.certainty import (
    auroc,
    expected_calibration_error,
    wrong_among_least_certain,
)
from napari_pmrnet.evaluation.evaluate import THRESHOLDS, ImageScore
from napari_pmrnet.evaluation.instance import Match, average_precision
from napari_pmrnet.evaluation.semantic import PROTOCOL_SIZE
from napari_pmrnet.segmentation.kind import CLASSES, INSTANCES, OBJECTS
from napari_pmrnet.segmentation.objects import RIGHT_IOU

MAIN_THRESHOLDS = (0.5, 0.75, 0.9)
DIAGONAL = float(np.hypot(PROTOCOL_SIZE, PROTOCOL_SIZE))

Scores = list[ImageScore]


def by_modality(
    scores: Scores, row: Callable[[Scores], dict[str, float]]
) -> pd.DataFrame:
    """Apply `row` to all scores (index ``all``) and to those of each modality."""
    groups = {"all": scores}
    for modality in sorted({s.modality for s in scores} - {""}):
        groups[modality] = [s for s in scores if s.modality == modality]
    return pd.DataFrame({name: row(group) for name, group in groups.items()}).T


def semantic_row(scores: Scores) -> dict[str, float]:
    """Means of the eight semantic scores; of the distances the median too.

    ``failed`` counts images where either mask is empty and the other is not.
    """
    frame = pd.DataFrame([s.semantic for s in scores])
    return {
        "images": len(scores),
        **frame.mean().to_dict(),
        "HD95 median": frame["HD95"].median(),
        "ASD median": frame["ASD"].median(),
        "failed": int((frame["HD95"] >= DIAGONAL).sum()),
        "Dice native": float(np.mean([s.dice_native for s in scores])),
    }


def instance_row(scores: Scores) -> dict[str, float]:
    """AP at IoU 0.5, 0.75 and 0.9 and over 0.5-0.95; F1 and PQ at 0.5.

    Each pooled over the nuclei, AP also as the mean of the images.
    """
    row: dict[str, float] = {"images": len(scores)}
    columns = zip(*(s.matches for s in scores), strict=True)
    precision = dict(zip(THRESHOLDS, map(average_precision, columns), strict=True))
    for threshold in MAIN_THRESHOLDS:
        pooled, mean = precision[threshold]
        row |= {f"AP{threshold} pooled": pooled, f"AP{threshold} per image": mean}
    pooled, mean = np.mean(list(precision.values()), axis=0)
    total = sum((s.matches[0] for s in scores), Match(0, 0, 0))
    return row | {
        "AP0.5-0.95 pooled": float(pooled),
        "AP0.5-0.95 per image": float(mean),
        "F1": total.f1,
        "PQ": total.panoptic_quality,
    }


def class_row(scores: Scores) -> dict[str, float]:
    """Mean over the images of the Dice of every class, and the mean of those."""
    frame = pd.DataFrame([s.classes for s in scores])
    means = frame.mean()
    return {"images": len(scores), **means.to_dict(), "mean": float(means.mean())}


def certainty_row(scores: Scores) -> dict[str, float]:
    """How well certainty tells right from wrong nuclei and pixels.

    A nucleus is right if it matches a true one with IoU >= 0.7 (0.5 for the column that
    says so); a pixel, if its class is right.
    """
    objects = pd.concat([s.objects for s in scores])
    pixels = pd.concat([s.pixels for s in scores])
    right = objects["iou"].to_numpy() >= RIGHT_IOU
    certainty = objects["certainty"].to_numpy()
    found = wrong_among_least_certain(certainty, right)
    return {
        "objects": len(objects),
        "wrong": int((~right).sum()),
        "AUROC": auroc(certainty, right),
        "AUROC at 0.5": auroc(certainty, objects["iou"] >= 0.5),
        "ECE": expected_calibration_error(certainty, right),
        "wrong found in 10 %": found.share,
        "could be found": found.most,
        "pixel AUROC": auroc(1 - pixels["certainty"], pixels["wrong"]),
        "raw PGRF": auroc(1 - pixels["pgrf"], pixels["wrong"]),
        "entropy": auroc(pixels["entropy"], pixels["wrong"]),
    }


def missed_row(scores: Scores) -> dict[str, float]:
    """What the proposals of missed nuclei are worth.

    ``missed`` counts the true nuclei that no label matches with IoU >= 0.7, ``right
    proposals`` the proposals that match a true nucleus so well. Precision is that of
    all proposals, and of those with the highest scores.
    """
    found = THRESHOLDS.index(RIGHT_IOU)
    proposals = pd.concat([s.missed for s in scores])
    right = proposals["iou"].to_numpy() >= RIGHT_IOU
    best_first = right[np.argsort(-proposals["certainty"].to_numpy(), kind="stable")]
    row = {
        "missed": sum(s.matches[found].false_negative for s in scores),
        "proposals": len(right),
        "right proposals": int(right.sum()),
        "proposal AUROC": auroc(proposals["certainty"], right),
        "precision": float(right.mean()) if right.size else float("nan"),
    }
    for share in (0.1, 0.25, 0.5):
        top = best_first[: max(1, round(share * right.size))]
        name = f"precision of top {share:.0%}"
        row[name] = float(top.mean()) if top.size else float("nan")
    return row


ROWS = {
    "Semantic (256 x 256)": semantic_row,
    "Instances (native size)": instance_row,
    "Certainty": certainty_row,
    "Missed nuclei": missed_row,
}


OF_OBJECTS = {
    "Semantic (256 x 256)": semantic_row,
    "Objects (native size)": instance_row,
}
OF_CLASSES = {
    "Semantic (256 x 256)": semantic_row,
    "Dice of classes (native size)": class_row,
}
"""What can be said of objects that are not split, and of classes."""


def rows_of(scores: Scores) -> dict[str, Callable[[Scores], dict[str, float]]]:
    """Tables that apply to what was labelled: titles and what makes a row."""
    kinds = {INSTANCES: ROWS, OBJECTS: OF_OBJECTS, CLASSES: OF_CLASSES}
    return kinds[scores[0].kind] if scores else ROWS


def summary(scores: Scores) -> dict[str, pd.DataFrame]:
    """All tables by title, each overall and by modality."""
    return {title: by_modality(scores, row) for title, row in rows_of(scores).items()}


def image_table(scores: Scores) -> pd.DataFrame:
    """One row an image, with its semantic scores and its AP at every threshold.

    Parameters
    ----------
    scores : list of ImageScore

    Returns
    -------
    DataFrame
        Indexed by image id.
    """
    rows = []
    for s in scores:
        precision = zip(THRESHOLDS, (m.precision for m in s.matches), strict=True)
        rows.append(
            {
                "image_id": s.image_id,
                "modality": s.modality,
                "nuclei": s.matches[0].true_positive + s.matches[0].false_negative,
                "found": len(s.objects),
                **s.semantic,
                "Dice native": s.dice_native,
                **{f"AP{threshold}": value for threshold, value in precision},
                "seconds": s.seconds,
            }
        )
    return pd.DataFrame(rows).set_index("image_id")
