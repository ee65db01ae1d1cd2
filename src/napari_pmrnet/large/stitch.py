"""Blocks of nuclei put together into one label array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from napari_pmrnet.large.blocks import BlockNuclei
from napari_pmrnet.segmentation.objects import (
    FEATURES,
    fitted_probability,
    seen_together,
)

SAME = 0.25
COLUMNS = ["label", "certainty", "area", "centroid_y", "centroid_x"]


class Stitcher:
    """Writes blocks into a label array and keeps the table of their nuclei.

    Labels and numbers depend on the order of the blocks, so they are to be added row by
    row. Two blocks can both claim a nucleus that is larger than their margin: where a
    new label and an earlier one share more than a quarter of the smaller of them, they
    are one nucleus.

    Parameters
    ----------
    labels : array-like of int32, shape (H, W)
        All zero; read and written by slices.
    first : int
        Numbers go on from here: the first nucleus is ``first + 1``.
    """

    def __init__(self, labels: Any, first: int = 0) -> None:
        self._labels, self._first = labels, first
        self._tables: list[pd.DataFrame] = []
        self._notes: dict[str, None] = {}
        self.count = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, each once."""
        return tuple(self._notes)

    def add(self, block: BlockNuclei) -> None:
        """Write the nuclei of the next block."""
        self._notes.update(dict.fromkeys(block.notes))
        if block.objects.empty:
            return
        (top, left), (height, width) = block.origin, block.labels.shape
        place = slice(top, top + height), slice(left, left + width)
        there = np.asarray(self._labels[place])
        earlier = self._claimed_before(block, there)
        new = earlier == 0
        following = self._first + self.count + np.cumsum(new)
        numbers = np.where(new, following, earlier).astype(np.int32)
        wanted = np.concatenate([np.zeros(1, np.int32), numbers])[block.labels]
        free = there == 0
        self._labels[place] = np.where(free, wanted, there)
        self.count += int(new.sum())
        self._tables.append(_compact(block.objects.assign(label=numbers)[new]))
        lost = np.unique(block.labels[~free])
        changed = ~new
        changed[lost[lost > 0] - 1] = True
        for number in np.unique(numbers[changed]):
            pixels = np.argwhere(free & (wanted == number)) + (top, left)
            self._measure_anew(int(number), pixels, grown=number in earlier)

    def table(self, calibration: Mapping[str, float] | None = None) -> pd.DataFrame:
        """The table of all nuclei, in the order of their numbers.

        Parameters
        ----------
        calibration : mapping, optional
            ``object_certainty`` of the model card.

        Returns
        -------
        DataFrame
            The columns of `describe_objects`.
        """
        objects = self._whole_table()
        measured = all(name in objects for name in FEATURES)
        if calibration is not None and measured and len(objects):
            areas = objects["area"].to_numpy()
            features = seen_together(objects[list(FEATURES)], areas)
            certainty = fitted_probability(features, calibration)
            objects = objects[COLUMNS].assign(certainty=certainty)
        return objects[COLUMNS].astype({"label": int, "area": int})

    def _whole_table(self) -> pd.DataFrame:
        """Rows of all nuclei so far."""
        if not self._tables:
            return pd.DataFrame(columns=COLUMNS)
        if len(self._tables) > 1:
            self._tables = [pd.concat(self._tables, ignore_index=True)]
        return self._tables[0]

    def _claimed_before(self, block: BlockNuclei, there: np.ndarray) -> np.ndarray:
        """For each nucleus of a block the earlier number it has, or 0."""
        earlier = np.zeros(len(block.objects), np.int32)
        both = (there > 0) & (block.labels > 0)
        if not both.any():
            return earlier
        pairs, shared = np.unique(
            np.stack([block.labels[both], there[both]]), axis=1, return_counts=True
        )
        own = block.objects["area"].to_numpy()[pairs[0] - 1]
        theirs = self._whole_table()["area"].to_numpy()[pairs[1] - 1 - self._first]
        same = shared > SAME * np.minimum(own, theirs)
        order = np.argsort(shared[same])
        earlier[pairs[0][same][order] - 1] = pairs[1][same][order]
        return earlier

    def _measure_anew(self, number: int, pixels: np.ndarray, grown: bool) -> None:
        """Area and centroid of a nucleus that grew by pixels (n, 2), or has only those.

        The rest of its row stays that of the block that claimed it first.
        """
        table = self._whole_table()
        row, names = number - 1 - self._first, ["centroid_y", "centroid_x"]
        before = table.at[row, "area"] if grown else 0
        area = before + len(pixels)
        centre = before * table.loc[row, names].to_numpy(float) + pixels.sum(axis=0)
        table.loc[row, names] = centre / area
        table.loc[row, "area"] = area


def _compact(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its features in half the memory: there are many nuclei."""
    return table.astype({name: np.float32 for name in FEATURES if name in table})
