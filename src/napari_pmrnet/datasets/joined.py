"""Several data sets as one, to train on and to choose by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.datasets.table import drop_modality
from napari_pmrnet.errors import DataError

SET, WEIGHT = "set", "weight"
"""Columns with the name of the set, and how much more often an image is drawn."""


class JoinedDataset(OpenedDataset):
    """The images of several opened data sets, one set after the other.

    An image is called ``<set>/<id>``, its modality ``<set>-<modality>``, or the name of
    the set where that knows none. A set has the name of its folder.

    Parameters
    ----------
    parts : sequence of OpenedDataset
        Of the same split column.
    weights : sequence of float, optional
        How much more often the images of each set are drawn; by default 1.
    without : str, optional
        Modality whose images are not used, by its name here.

    Raises
    ------
    DataError
        If two sets are of one folder or one name, only some tell objects apart, or the
        weights are not one a set.
    """

    def __init__(
        self,
        parts: Sequence[OpenedDataset],
        weights: Sequence[float] = (),
        without: str | None = None,
    ) -> None:
        weights = list(weights) or [1.0] * len(parts)
        if len(weights) != len(parts) or min(weights) <= 0:
            raise DataError(
                f"{len(weights)} weights for {len(parts)} data sets: give one above 0 "
                "a set, in their order."
            )
        self.parts: dict[str, OpenedDataset] = {}
        for part in parts:
            self._refuse_twin(part)
            self.parts[part.name] = part
        first = parts[0]
        self.folder, self.column = first.folder, first.column
        self.source = ", ".join(part.source for part in parts)
        self.split_name = first.split_name
        self.problems = tuple(line for part in parts for line in part.problems)
        self.instances = first.instances
        self.table = pd.concat(
            [
                _table_of(part, weight)
                for part, weight in zip(parts, weights, strict=True)
            ]
        )
        if without is not None:
            self.table = drop_modality(self.table, self.table, self.source, without)
            self.left_out = without

    @property
    def name(self) -> str:
        """The names of the sets."""
        return " + ".join(self.parts)

    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read one image and its labels; see `OpenedDataset.load`."""
        name, own = image_id.split("/", 1)
        return self.parts[name].load(own)

    def data_hash(self) -> str:
        """SHA-256 (hexadecimal) of the sets' names, rows in use and hashes."""
        digest = hashlib.sha256()
        ids = [row.split("/", 1) for row in self.ids]
        for name, part in sorted(self.parts.items()):
            rows = [own for of, own in ids if of == name]
            if rows:
                known = part.of_rows(rows).data_hash()
                digest.update(f"{name}:{known}".encode())
        return digest.hexdigest()

    def _refuse_twin(self, part: OpenedDataset) -> None:
        """Refuse a set that is there already, or does not go with the rest."""
        for other in self.parts.values():
            if part.folder.resolve() == other.folder.resolve():
                raise DataError(f"{part.folder}: is named twice. Name it once.")
            if part.name == other.name:
                raise DataError(
                    f"{part.folder} and {other.folder}: have one name. Rename one of "
                    "the folders."
                )
            if part.instances != other.instances:
                raise DataError(
                    f"{part.folder} and {other.folder}: only one of them tells objects "
                    "apart. Train on each by itself."
                )


def _table_of(part: OpenedDataset, weight: float) -> pd.DataFrame:
    """Rows of a set under the names that they have among several."""
    # pandas' own types leave open what a column of a table is.
    table: Any = part.table.copy()
    name = part.name
    if "modality" in table:
        known = table["modality"].notna()
        named = f"{name}-" + table["modality"].astype(str)
        table["modality"] = named.where(known, name)
    else:
        table["modality"] = name
    table[SET], table[WEIGHT] = name, weight * table.get(WEIGHT, 1.0)
    table.index = pd.Index([f"{name}/{own}" for own in table.index], name="image_id")
    return table
