"""A nucleus from one click: what most of the outlines hold that it could have.

Each of the `candidates` gets a score, a sum of what speaks for it times a weight, and
from the scores a probability to be right. The weights were fitted to true nuclei that
the network had missed, by a conditional logit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.candidates import (
    LEAST_AREA,
    Mask,
    View,
    candidates,
    connected,
)
from napari_pmrnet.proofreading.evidence import FEATURES, described
from napari_pmrnet.segmentation.tiles import Box

WEIGHTS: dict[str, float] = {
    "agreement": 1.80,
    "company": 0.71,
    "size": 0.20,
    "size_squared": -0.01,
    "size_dragged": -1.01,
    "offset": -0.65,
    "ragged": 0.09,
    "filled": 6.76,
    "contrast": 1.20,
    "edge": 0.86,
    "along": 0.73,
    "evenness": -0.24,
    "gate": 1.08,
    "inside": -2.39,
    "fall": 2.46,
    "flow": 8.49,
    "confined": 1.48,
}
"""Of `FEATURES`; fitted to 310 missed nuclei of training images of four data sets, by
``scripts/experiments/click_to_add.py --fit --subset train --every 5 --most 40``."""


class Outlines(NamedTuple):
    """Outlines that a nucleus could have.

    Attributes
    ----------
    box : tuple of slice
        Where they lie in the image.
    masks : dict of ndarray of bool, each of the shape of the box
        By where they come from: connected, with the click, on no label.
    features : ndarray of float, shape (n, k)
        What speaks for each; see `described`.
    at : (y, x)
        Pixel of the click, from the first of the box.
    """

    box: Box
    masks: dict[str, Mask]
    features: np.ndarray
    at: tuple[int, int]

    def best(self) -> Mask:
        """What most of them hold, each counting by how likely it is.

        The likeliest one, where that leaves nothing at the click.
        """
        score = self.features @ np.array([WEIGHTS[name] for name in FEATURES])
        shares = softmax(score)
        masks = np.array(list(self.masks.values()))
        part = connected(np.tensordot(shares, masks, 1) > 0.5, self.at)
        return masks[int(np.argmax(score))] if part is None else part


def outlines_at(
    labels: np.ndarray,
    click: tuple[float, float],
    across: float,
    *,
    maps: Mapping[str, np.ndarray] | None = None,
    flows: np.ndarray | None = None,
    image: np.ndarray | None = None,
    proposals: np.ndarray | None = None,
    dragged: bool = False,
) -> Outlines:
    """Outlines that the nucleus at a click could have.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    click : (y, x)
        In pixels.
    across : float
        Diameter of a typical nucleus, or of this one; in pixels.
    maps : mapping of ndarray, each (H, W), optional
        ``probability`` and ``boundary``; without both the image alone counts.
    flows : ndarray of float32, shape (2, H, W), optional
    image : ndarray, shape (H, W), optional
        Brightness.
    proposals : ndarray of int, shape (H, W), optional
        Nuclei that may have been missed; the one at the click is a candidate.
    dragged : bool
        Whether `across` was given by the user for this nucleus.

    Raises
    ------
    EditError
        If the click lies on a nucleus or beside the image, if there is no room for a
        nucleus, or if neither maps nor image are there.
    """
    at = _checked(labels, click)
    view = View.around(labels, click, across, maps or {}, flows, image, dragged)
    room = connected(view.room, view.at)
    if room is None or room.sum() < LEAST_AREA:
        raise EditError("there is no room for a nucleus between those around.")
    if view.image is None and view.probability is None:
        raise EditError(
            "there is nothing to find an outline in: neither maps of the network nor "
            "an image that shows anything here are known of these labels. Open their "
            "image, or paint the nucleus."
        )
    free = np.asarray(labels[view.box]) == 0
    inner = at[0] - view.box[0].start, at[1] - view.box[1].start
    proposal = None
    if proposals is not None and proposals[at]:
        proposal = np.asarray(proposals[view.box]) == proposals[at]
    masks, kept = {}, {}
    for name, mask in candidates(view, proposal).items():
        large = view.enlarged(mask, free.shape)
        if proposal is not None and name == "proposal":
            large = proposal
        part = connected(large & free, inner)
        if part is not None:
            masks[name], kept[name] = part, mask
    if not masks:
        raise EditError("there is no room for a nucleus between those around.")
    return Outlines(view.box, masks, described(view, kept), inner)


def _checked(labels: np.ndarray, click: tuple[float, float]) -> tuple[int, int]:
    """Pixel of a click that may be added at."""
    y, x = (round(place) for place in click)
    if not (0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]):
        raise EditError("that is beside the image. Click on a nucleus without a label.")
    if labels[y, x]:
        raise EditError(
            f"nucleus {labels[y, x]} is there already. Click where no label is, or "
            "split that one if it holds two."
        )
    return y, x
