"""Places where a nucleus may have been missed, most likely first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.segmentation.instances import (
    drop_small,
    label_nuclei,
    smallest_area,
)
from napari_pmrnet.segmentation.objects import describe_objects
from napari_pmrnet.segmentation.settings import Settings

LOW_THRESHOLD = 0.2


class Missed(NamedTuple):
    """Proposed nuclei and a table of them.

    ``labels`` is int32 (H, W), numbered 1 to n; ``objects`` has the columns of
    `describe_objects`, ``certainty`` being the estimated probability that the proposal
    is a nucleus, least doubtful first.
    """

    labels: np.ndarray
    objects: pd.DataFrame


def missed_nuclei(
    labels: np.ndarray,
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray | None,
    settings: Settings,
    calibration: Mapping[str, float] | None = None,
    diameter: float | None = None,
) -> Missed:
    """Propose nuclei where nothing was labelled.

    A proposal is what the thresholds would find at `LOW_THRESHOLD`, apart from the
    labels there are: at least half of it must lie off them.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        The nuclei that were found.
    maps : mapping of ndarray, each (H, W)
        ``probability``, ``certainty`` and ``boundary``.
    flows : ndarray of float32, shape (2, H, W), or None
        Vectors towards the centres.
    settings : Settings
        Those that gave the labels.
    calibration : mapping, optional
        ``missed_certainty`` of the model card.
    diameter : float, optional
        Of a typical nucleus, in pixels.

    Returns
    -------
    Missed
    """
    loose = replace(
        settings,
        probability_threshold=min(LOW_THRESHOLD, settings.probability_threshold),
        seed_threshold=min(LOW_THRESHOLD, settings.seed_threshold),
    )
    proposals = label_nuclei(maps["probability"], flows, loose, diameter)
    areas = np.bincount(proposals.ravel())
    proposals = np.where(labels > 0, 0, proposals)
    free = np.bincount(proposals.ravel(), minlength=len(areas))
    kept = np.where(2 * free >= areas, np.arange(len(areas)), 0)
    proposals = drop_small(kept[proposals], smallest_area(settings, diameter))
    objects = describe_objects(proposals, maps, flows, calibration)
    return Missed(proposals, objects.sort_values("certainty", ascending=False))
