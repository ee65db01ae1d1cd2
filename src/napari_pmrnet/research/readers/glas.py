"""Glands of the colon in stained tissue: GlaS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.pixels import read_labels, require_shape
from napari_pmrnet.research.readers.layout import Item, Reader, holds

PARTS = {"train": "train", "testA": "test", "testB": "test"}


class GlaS(Reader):
    """165 images of 16 slides, every gland with a label of its own.

    The annotation is one channel 0, 1..n; some copies made three channels or a palette
    of it. ``Grade.csv`` names patient and grade.
    """

    name = "glas"
    title = "GlaS"
    layout = "train_<n>.bmp + train_<n>_anno.bmp, and so testA_ and testB_; Grade.csv"
    split_rule = "the official one, testA and testB as test; groups are the patients"
    published = 165
    instances = True

    @classmethod
    def fits(cls, root: Path) -> bool:
        return holds(root, r"(train|testA|testB)_\d+_anno\.(bmp|png|tiff?)")

    def _list(self) -> Iterator[Item]:
        images = self.pictures(self.root, r"(?:train|testA|testB)_\d+")
        masks = self.pictures(self.root, r"((?:train|testA|testB)_\d+)_anno")
        patients, grades = self._grades()
        for key, image, mask in self.pairs(images, masks):
            part = key.partition("_")[0]
            known = {"part": part}
            if grades:
                known["grade"] = known["modality"] = grades.get(key, "unknown")
            group = f"patient {patients[key]}" if key in patients else ""
            yield Item(key, image, (mask,), PARTS[part], group, known)

    def labels(self, item: Item, shape: tuple[int, int]) -> np.ndarray:
        """Glands 0, 1..n, as int32."""
        (path,) = item.masks
        labels = read_labels(path)
        require_shape(path, labels.shape, shape)
        return labels

    def _grades(self) -> tuple[dict[str, str], dict[str, str]]:
        """Patient and grade of every image that Grade.csv names."""
        path = next(
            (p for p in self.root.iterdir() if p.name.lower() == "grade.csv"), None
        )
        if path is None:
            self.problems.append(
                f"{self.root / 'Grade.csv'}: missing. Grades are not known, and images "
                "of one patient cannot be kept together."
            )
            return {}, {}
        try:
            table = pd.read_csv(path, dtype=str, index_col=False).fillna("")
        except (OSError, ValueError) as error:
            self.problems.append(f"{path}: cannot be read as a CSV table ({error}).")
            return {}, {}
        table.index = _column(table, "name").to_list()
        grade = _column(table, r"grade.*glas", "grade")
        return _known(_column(table, "patient")), _known(grade)


def _column(table: pd.DataFrame, *patterns: str) -> pd.Series:
    """The first column whose name holds a pattern; empty where no column does."""
    for pattern in patterns:
        for name in table.columns:
            if re.search(pattern, name, re.IGNORECASE):
                return table[name].str.strip()
    return pd.Series("", table.index)


def _known(values: pd.Series) -> dict[str, str]:
    return dict(values[values != ""])
