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
from napari_pmrnet.evaluation.instance import CAUSES, Match, average_precision
from napari_pmrnet.evaluation.intervals import interval_row, precision
from napari_pmrnet.evaluation.semantic import PROTOCOL_SIZE
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.objects import RIGHT_IOU

DIAGONAL = float(np.hypot(PROTOCOL_SIZE, PROTOCOL_SIZE))

Scores = list[ImageScore]


def matches_of(scores: Scores) -> list[list[Match]]:
    """Matches of every image in which objects are told apart."""
    return [s.matches for s in scores if s.matches is not None]


def by_modality(
    scores: Scores, row: Callable[[Scores], dict[str, float]]
) -> pd.DataFrame:
    """Apply `row` to all scores (index ``all``), and to each set's and modality's."""
    groups = {"all": scores}
    for name in dict.fromkeys(s.dataset for s in scores):
        if name:
            groups[name] = [s for s in scores if s.dataset == name]
    for modality in sorted({s.modality for s in scores} - {""}):
        groups[modality] = [s for s in scores if s.modality == modality]
    return pd.DataFrame({name: row(group) for name, group in groups.items()}).T


def semantic_row(scores: Scores) -> dict[str, float]:
    """Means of the eight semantic scores; of the distances the median too.

    ``failed`` counts images where either mask is empty and the other is not.
    """
    frame = pd.DataFrame([s.semantic for s in scores])
    medians = frame[["HD95", "ASD"]].median().to_dict()
    return {
        "images": len(scores),
        **frame.mean().to_dict(),
        "HD95 median": medians["HD95"],
        "ASD median": medians["ASD"],
        "failed": int((frame["HD95"].to_numpy() >= DIAGONAL).sum()),
        "Dice native": float(np.mean([s.dice_native for s in scores])),
    }


def instance_row(scores: Scores) -> dict[str, float]:
    """AP at IoU 0.5, 0.75 and 0.9 and over 0.5-0.95; F1, PQ and misses at 0.5.

    Each pooled over the nuclei, AP also as the mean of the images. Misses are counted
    by `CAUSES`. Where the data set says what specks are, AP once more without them.
    """
    row: dict[str, float] = {"images": len(scores)}
    matches = matches_of(scores)
    apart = [s for s in scores if s.matches is not None]
    once = np.ones((1, len(apart)), int)
    row |= {name: float(value[0]) for name, value in precision(apart, once)}
    pooled, mean = np.mean(
        [*map(average_precision, zip(*matches, strict=True))], axis=0
    )
    total = sum((each[0] for each in matches), Match(0, 0, 0))
    return row | {
        "AP0.5-0.95 pooled": float(pooled),
        "AP0.5-0.95 per image": float(mean),
        "F1": total.f1,
        "PQ": total.panoptic_quality,
        **{cause: sum(s.misses.get(cause, 0) for s in scores) for cause in CAUSES},
    }


def class_row(scores: Scores) -> dict[str, float]:
    """Mean over the images of the Dice of every class, and the mean of those."""
    frame = pd.DataFrame([s.classes for s in scores])
    means = frame.mean()
    return {"images": len(scores), **means.to_dict(), "mean": float(means.mean())}


def pixel_row(scores: Scores) -> dict[str, float]:
    """AUROC of three signals that tell right from wrong pixels."""
    pixels = pd.concat([s.pixels for s in scores])
    wrong = pixels["wrong"].to_numpy()
    return {
        "pixel AUROC": auroc(1 - pixels["certainty"].to_numpy(), wrong),
        "raw PGRF": auroc(1 - pixels["pgrf"].to_numpy(), wrong),
        "entropy": auroc(pixels["entropy"].to_numpy(), wrong),
    }


def certainty_row(scores: Scores) -> dict[str, float]:
    """Scores of how certainty tells right from wrong nuclei and pixels.

    A nucleus is right if it matches a true one with IoU >= 0.7 (0.5 for the column that
    says so); a pixel, if its class is right. Nuclei are all those before any is dropped
    for its certainty, but in the last columns before those of pixels.
    """
    objects = pd.concat([s.objects for s in scores])
    right = objects["iou"].to_numpy() >= RIGHT_IOU
    certainty, kept = objects["certainty"].to_numpy(), objects["kept"].to_numpy(bool)
    found = wrong_among_least_certain(certainty, right)
    return {
        "objects": len(objects),
        "wrong": int((~right).sum()),
        "AUROC": auroc(certainty, right),
        "AUROC at 0.5": auroc(certainty, objects["iou"].to_numpy() >= 0.5),
        "ECE": expected_calibration_error(certainty, right),
        "wrong found in 10 %": found.share,
        "could be found": found.most,
        "dropped": int((~kept).sum()),
        "AUROC of kept": auroc(certainty[kept], right[kept]),
        "ECE of kept": expected_calibration_error(certainty[kept], right[kept]),
        **pixel_row(scores),
    }


def missed_row(scores: Scores) -> dict[str, float]:
    """Worth of the proposals of missed nuclei.

    ``missed`` counts the true nuclei that no label matches with IoU >= 0.7, ``right
    proposals`` the proposals that match a true nucleus so well. Precision is that of
    all proposals, and of those with the highest scores.
    """
    found = THRESHOLDS.index(RIGHT_IOU)
    proposals = pd.concat([s.missed for s in scores])
    right = proposals["iou"].to_numpy() >= RIGHT_IOU
    best_first = right[np.argsort(-proposals["certainty"].to_numpy(), kind="stable")]
    row = {
        "missed": sum(each[found].false_negative for each in matches_of(scores)),
        "proposals": len(right),
        "right proposals": int(right.sum()),
        "proposal AUROC": auroc(proposals["certainty"].to_numpy(), right),
        "precision": float(right.mean()) if right.size else float("nan"),
    }
    for share in (0.1, 0.25, 0.5):
        top = best_first[: max(1, round(share * right.size))]
        name = f"precision of top {share:.0%}"
        row[name] = float(top.mean()) if top.size else float("nan")
    return row


INTERVALS = "Main figures (95 % intervals by bootstrap over images)"
CLASS_TITLE = "Classes (256 x 256)"
PIXELS, INSTANCE_TITLE = "Certainty of pixels", "Instances (native size)"
ROWS = {
    "Semantic (256 x 256)": semantic_row,
    INSTANCE_TITLE: instance_row,
    "Certainty": certainty_row,
    "Missed nuclei": missed_row,
}


OF_OBJECTS = {
    "Semantic (256 x 256)": semantic_row,
    "Objects (native size)": instance_row,
    PIXELS: pixel_row,
}
OF_CLASSES = {
    "Semantic (256 x 256)": semantic_row,
    "Dice of classes (native size)": class_row,
    PIXELS: pixel_row,
}
"""Tables of objects that are not split, and of classes."""
UNITED = {"Semantic (256 x 256)": semantic_row, PIXELS: pixel_row}
"""Tables of nuclei that the truth does not separate."""
NOT_APPLICABLE = "not applicable: nothing tells objects apart"


def rows_of(scores: Scores) -> dict[str, Callable[[Scores], dict[str, float]]]:
    """Tables that apply to what was labelled: titles and what makes a row."""
    if not scores:
        return ROWS
    nuclei = ROWS if has_objects(scores) else UNITED
    kinds = {
        LabelKind.NUCLEI: nuclei,
        LabelKind.OBJECTS: OF_OBJECTS,
        LabelKind.CLASSES: OF_CLASSES,
    }
    return kinds[scores[0].kind]


def has_objects(scores: Scores) -> bool:
    """Tell whether objects were compared one by one."""
    return all(s.matches is not None for s in scores)


def summary(scores: Scores) -> dict[str, pd.DataFrame]:
    """All tables by title, each overall and by modality; of classes one by class."""
    rows = {INTERVALS: interval_row, **rows_of(scores)}
    tables = {title: by_modality(scores, row) for title, row in rows.items()}
    if not has_objects(scores):
        tables[INSTANCE_TITLE] = pd.DataFrame({"AP": [NOT_APPLICABLE]}, index=["all"])
    by_class = class_table(scores)
    return tables if by_class.empty else {**tables, CLASS_TITLE: by_class}


def class_table(scores: Scores) -> pd.DataFrame:
    """The eight semantic scores of every class, and their mean.

    Parameters
    ----------
    scores : list of ImageScore

    Returns
    -------
    DataFrame
        Indexed by the name of the class and ``mean``. ``images`` counts those in which
        the class is or was found; the scores are their means. Empty without classes.
    """
    names = list(dict.fromkeys(name for s in scores for name in s.by_class))
    rows = {}
    for name in names:
        frame = pd.DataFrame([s.by_class[name] for s in scores if name in s.by_class])
        rows[name] = {"images": len(frame), **frame.mean().to_dict()}
    table = pd.DataFrame(rows).T
    if len(names) > 1:
        table.loc["mean"] = {**table.mean(), "images": len(scores)}
    return table


def image_table(scores: Scores) -> pd.DataFrame:
    """One row an image: semantic scores, and of objects the AP at every threshold.

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
        rows.append(
            {
                "image_id": s.image_id,
                "modality": s.modality,
                **_counts(s),
                **s.semantic,
                "Dice native": s.dice_native,
                **_precision(s),
                "seconds": s.seconds,
            }
        )
    return pd.DataFrame(rows).set_index("image_id")


def _counts(score: ImageScore) -> dict[str, int]:
    """Number of true and of found nuclei, where these are told apart."""
    if score.matches is None:
        return {}
    loosest = score.matches[0]
    return {
        "nuclei": loosest.true_positive + loosest.false_negative,
        "found": loosest.true_positive + loosest.false_positive,
    }


def _precision(score: ImageScore) -> dict[str, float]:
    """AP at every threshold, where there is one."""
    if score.matches is None:
        return {}
    pairs = zip(THRESHOLDS, score.matches, strict=True)
    return {f"AP{threshold}": one.precision for threshold, one in pairs}
