"""Scores of images as `evaluate` gives them, made by hand."""

import numpy as np
import pandas as pd

from napari_pmrnet.evaluation.evaluate import NO_OBJECTS, THRESHOLDS, ImageScore
from napari_pmrnet.evaluation.instance import Match

SEMANTIC = ("IoU", "Dice", "HD95", "ASD", "SE", "PC", "SP", "ACC")


def nuclei(
    image_id: str,
    modality: str = "",
    counts: tuple[int, int, int] = (3, 1, 2),
    certainty: tuple[float, ...] = (0.9, 0.8, 0.7, 0.1),
    iou: tuple[float, ...] = (0.9, 0.9, 0.9, 0.2),
    **scores: float,
) -> ImageScore:
    """An image with `counts` of matches, misses and false ones at every threshold."""
    return ImageScore(
        image_id,
        modality,
        {**dict.fromkeys(SEMANTIC, 0.5), **scores},
        dice_native=scores.get("Dice", 0.5),
        seconds=1.25,
        matches=[Match(*counts, iou_sum=0.8 * counts[0])] * len(THRESHOLDS),
        objects=pd.DataFrame({"certainty": certainty, "iou": iou, "kept": True}),
        missed=pd.DataFrame({"certainty": [0.6, 0.2, 0.1], "iou": [0.8, 0.0, 0.9]}),
        pixels=pixels(),
    )


def united(image_id: str, semantic_dice: float = 0.5, **fields: object) -> ImageScore:
    """An image in which nothing tells objects apart."""
    return ImageScore(
        image_id,
        "",
        {**dict.fromkeys(SEMANTIC, 0.5), "Dice": semantic_dice},
        **{
            "dice_native": 0.5,
            "seconds": 1.0,
            "matches": None,
            "objects": NO_OBJECTS,
            "missed": NO_OBJECTS,
            "pixels": pixels(),
            **fields,
        },
    )


def pixels() -> pd.DataFrame:
    """Four pixels: certainty tells the wrong one, ``pgrf`` the opposite."""
    return pd.DataFrame(
        {
            "certainty": [0.9, 0.8, 0.7, 0.1],
            "pgrf": [0.1, 0.2, 0.3, 0.9],
            "entropy": [0.5, 0.5, 0.5, 0.5],
            "wrong": np.array([False, False, False, True]),
        }
    )
