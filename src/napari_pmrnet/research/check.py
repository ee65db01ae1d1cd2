"""Contents of a data set, counted by reading all of it, and what looks wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.table import column_of
from napari_pmrnet.errors import DataError
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.layout import Reader
from napari_pmrnet.segmentation.flow_labels import components


@dataclass(frozen=True)
class Findings:
    """Findings on a data set.

    Attributes
    ----------
    images : DataFrame
        One row an image that can be read, indexed by ``image_id``: ``objects``,
        ``height``, ``width`` and the columns of `split_table`.
    listed : int
        Images with a truth, readable or not.
    problems : list of str
        One line for everything that looks wrong.
    """

    images: pd.DataFrame
    listed: int
    problems: list[str]

    def by_subset(self, column: str = "split") -> pd.DataFrame:
        """Images, those with objects, objects and groups of every subset.

        Parameters
        ----------
        column : str
            A split column.

        Returns
        -------
        DataFrame
            Indexed by subset; the last row, ``all``, counts the images of none too.
        """
        rows = {
            str(subset): _counts(part)
            for subset, part in self.images.groupby(column, sort=False)
        }
        order = [name for name in ("train", "val", "test") if name in rows]
        order += [name for name in rows if name not in order]
        return pd.DataFrame(
            {name: rows[name] for name in order} | {"all": _counts(self.images)}
        ).T


def check(
    reader: Reader,
    progress: Callable[[int, int], None] | None = None,
    column: str = "split",
) -> Findings:
    """Decode every image and mask of a data set.

    Parameters
    ----------
    reader : Reader
    progress : callable, optional
        Called with the images done and their number.
    column : str
        The split column that should keep neighbours together.

    Returns
    -------
    Findings

    Raises
    ------
    DataError
        If there is no such column.
    """
    table = split_table(reader)
    column_of(table, reader.root, column)
    problems, rows = [*reader.problems, *reader.remarks()], {}
    pixels: dict[str, list[str]] = {}
    for done, item in enumerate(reader.items, start=1):
        try:
            image, labels = reader.load(item)
        except DataError as error:
            problems.append(str(error))
        else:
            problems += reader.doubts(item, labels)
            rows[item.image_id] = _row(reader, labels)
            digest = sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
            pixels.setdefault(digest, []).append(item.image_id)
        if progress is not None:
            progress(done, len(reader.items))
    columns = ["objects", "height", "width"]
    counted = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    images = counted.rename_axis("image_id")
    if rows:
        images = images.join(table)
        problems += _one_object_each(reader, images)
        split = images.loc[:, column]
        problems += _copies(list(pixels.values()), split)
        problems += _divided_groups(images.loc[:, "group"], split)
    return Findings(images, len(reader.items), problems)


def _row(reader: Reader, labels: np.ndarray) -> list[int]:
    """Objects, height and width; of united objects the separate parts count."""
    if reader.instances:
        objects = np.count_nonzero(np.bincount(labels.ravel())[1:])
    else:
        _, objects = components(labels, np.ones((3, 3)))
    return [int(objects), *labels.shape]


def _counts(images: pd.DataFrame) -> dict[str, int]:
    objects = images["objects"].to_numpy()
    return {
        "images": len(images),
        "with objects": int((objects > 0).sum()),
        "objects": int(objects.sum()),
        "groups": len(images["group"].dropna().unique()),
    }


def _one_object_each(reader: Reader, images: pd.DataFrame) -> list[str]:
    """A line if labels that should tell objects apart seem not to."""
    if (
        not reader.instances
        or len(images) < 3
        or images["objects"].to_numpy().max() > 1
    ):
        return []
    return [
        f"{reader.root}: no image has more than one object. Is this a copy in which "
        "all objects are one?"
    ]


def _copies(same: list[list[str]], split: pd.Series) -> list[str]:
    """A line for every image that is there twice, in different subsets."""
    lines = []
    for ids in same:
        subsets = split.loc[ids].dropna()
        if subsets.nunique() > 1:
            named = ", ".join(f"{i} ({subset})" for i, subset in subsets.items())
            lines.append(f"{named}: the same image, in different subsets.")
    return lines


def _divided_groups(groups: pd.Series, split: pd.Series) -> list[str]:
    """A line for every group that the split divides."""
    lines = []
    for group, part in split.groupby(groups):
        subsets = part.value_counts()
        if len(subsets) > 1:
            named = ", ".join(f"{n} in {subset}" for subset, n in subsets.items())
            lines.append(
                f"{group}: the split divides neighbours, {named}. --column grouped "
                "keeps them together."
            )
    return lines


def sizes(images: pd.DataFrame) -> str:
    """The smallest and the largest size, in words."""
    by_area = images.assign(area=images["height"] * images["width"])
    ends = by_area.sort_values("area").iloc[[0, -1]]
    texts = [f"{row.height} x {row.width}" for row in ends.itertuples()]
    return texts[0] if len(set(texts)) == 1 else " to ".join(texts)
