"""The table of nuclei under review, brought up to date where pixels changed.

Measuring 10,000 nuclei anew takes longer than a gesture may. So the table keeps the box
of every nucleus, and an edit measures those only whose pixels it changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.proofreading.boxes import everywhere, grown, inside, union
from napari_pmrnet.segmentation.objects import ImageContext, describe_objects
from napari_pmrnet.segmentation.tiles import Box

COLUMNS = (
    "certainty",
    "area",
    "intensity",
    "at_border",
    "edited",
    "centroid_y",
    "centroid_x",
    "top",
    "left",
    "bottom",
    "right",
)
_MARGIN = 2


@dataclass
class Nuclei:
    """Measurements of every nucleus of a Labels array that is being edited.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Any numbers that `check_labels` lets pass. Not copied and never written to:
        whoever edits it calls `update`.
    original : ndarray of int, shape (H, W)
        Labels as they were found, no view of `labels`; a nucleus that is not one of
        them counts as edited.
    maps : mapping of ndarray, each (H, W)
        ``certainty``, and with a calibration ``probability`` and ``boundary``. Empty
        for labels made elsewhere: certainty is then missing (NaN).
    flows : ndarray of float32, shape (2, H, W), optional
    calibration : mapping, optional
        ``object_certainty`` of the model card.
    image : ndarray, shape (H, W), optional
        For the mean intensity, else missing.
    dropped : ndarray of int, shape (H, W), optional
        Labels that were found too and dropped as too uncertain: certainty is measured
        among all.

    Attributes
    ----------
    found_since : list of ndarray of int, each (H, W)
        Labels that later runs found, the last one last: they do not count as edited.
    table : DataFrame
        Indexed by label; the columns are `COLUMNS`: ``area`` in pixels, centroids in
        pixels, and the box ``top``, ``left``, ``bottom``, ``right`` (past the end).
    """

    labels: np.ndarray
    original: np.ndarray
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    flows: np.ndarray | None = None
    calibration: Mapping[str, float] | None = None
    image: np.ndarray | None = None
    dropped: np.ndarray | None = None
    found_since: list[np.ndarray] = field(init=False, default_factory=list)
    table: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        for name, array in {**self.maps, "image": self.image}.items():
            if array is not None and array.shape != self.labels.shape:
                raise EditError(
                    f"the labels have shape {self.labels.shape}, {name} "
                    f"{array.shape}. Choose the image the labels were made from."
                )
        labelled = np.asarray(self.labels) > 0
        self._dropped_areas = np.zeros(0)
        if self.dropped is not None:
            labelled |= self.dropped > 0
            areas = np.bincount(self.dropped.ravel())[1:]
            self._dropped_areas = areas[areas > 0]
        known = "certainty" in self.maps and labelled.any()
        self._mean_certainty = (
            float(self.maps["certainty"][labelled].mean()) if known else 0.0
        )
        self._certain: dict[bytes, float] = {}
        self.table = self._measure(everywhere(self.labels), None)

    @property
    def found(self) -> np.ndarray:
        """Labels (H, W) as the last run found them."""
        return self.found_since[-1] if self.found_since else self.original

    def renew(
        self,
        found: np.ndarray,
        maps: Mapping[str, np.ndarray],
        flows: np.ndarray | None,
    ) -> None:
        """Take over what another run found, and measure all nuclei by its maps.

        Parameters
        ----------
        found : ndarray of int, shape (H, W)
            Its labels; not copied.
        maps, flows
            As for the class.
        """
        self.found_since.append(found)
        self.maps, self.flows = maps, flows
        self.table = self._measure(everywhere(self.labels), None)

    def box(self, label: int) -> Box:
        """Smallest box around a nucleus.

        Raises
        ------
        EditError
            If there is no such nucleus.
        """
        if label not in self.table.index:
            raise EditError(f"there is no nucleus {label}. It may have been deleted.")
        top, left, bottom, right = self.table.loc[
            label, ["top", "left", "bottom", "right"]
        ].astype(int)
        return slice(top, bottom), slice(left, right)

    def boxes(self, which: Iterable[int]) -> list[tuple[int, Box]]:
        """Those nuclei of `which` that exist, each with its box."""
        there = self.table.index.intersection(list(which))
        corners = self.table.loc[there, ["top", "left", "bottom", "right"]]
        return [
            (int(label), (slice(top, bottom), slice(left, right)))
            for label, top, left, bottom, right in corners.itertuples()
        ]

    def update(self, box: Box, before: np.ndarray) -> set[int]:
        """Measure the nuclei anew whose pixels changed.

        Parameters
        ----------
        box : tuple of slice
            Holds all pixels that changed.
        before : ndarray of int, of the shape of `box`
            Labels of the box before the change.

        Returns
        -------
        set of int
            Labels that were changed, made or removed.
        """
        after = self.labels[box]
        differs = before != after
        touched = set(np.unique(before[differs]).tolist())
        touched |= set(np.unique(after[differs]).tolist())
        touched.discard(0)
        if not touched:
            return touched
        known = self.table.index.intersection(list(touched))
        around = box
        if len(known):
            corners = self.table.loc[known, ["top", "left", "bottom", "right"]]
            top, left = corners[["top", "left"]].min()
            bottom, right = corners[["bottom", "right"]].max()
            around = union([box, (slice(top, bottom), slice(left, right))])
        fresh = self._measure(around, touched)
        if self.calibration is not None and self.flows is not None:
            was = np.array(self.labels[around])
            was[inside(box, around)] = before
            fresh = self._as_before(self.table.loc[known], fresh, around, was)
        kept = self.table.drop(index=known)
        self.table = pd.concat([kept, fresh]).sort_index() if len(kept) else fresh
        return touched

    def _as_before(
        self, old: pd.DataFrame, fresh: pd.DataFrame, part: Box, was: np.ndarray
    ) -> pd.DataFrame:
        """Rows of nuclei, with the certainty of then where they have pixels of then.

        A fitted certainty depends a little on the other nuclei of the image, so that
        undo would bring back another one.

        Parameters
        ----------
        old, fresh : DataFrame
            Rows of the nuclei that changed, before and after.
        part : tuple of slice
            Holds them all.
        was : ndarray of int
            Labels of the part before.
        """
        prints = zip(_prints(was, part, old), old["certainty"], strict=True)
        self._certain.update((key, float(value)) for key, value in prints)
        now = _prints(np.asarray(self.labels[part]), part, fresh)
        certain = [
            self._certain.get(key, value)
            for key, value in zip(now, fresh["certainty"], strict=True)
        ]
        kind = fresh["certainty"].to_numpy().dtype
        return fresh.assign(certainty=np.array(certain, kind))

    def next_label(self) -> int:
        """Smallest label above all that are in use."""
        return int(self.table.index.to_numpy().max(initial=0)) + 1

    def _measure(self, box: Box, only: Iterable[int] | None) -> pd.DataFrame:
        """Rows of the nuclei within a box; `only` some of them, which lie in it."""
        part = grown(box, _MARGIN, self.labels.shape)
        labels = np.asarray(self.labels[part])
        numbered, names = number_labels(labels)
        origin = part[0].start, part[1].start
        rows = self._describe(
            numbered, part, None if only is None else self._whole(part)
        )
        rows["intensity"] = self._intensity(numbered, part, len(names) - 1)
        rows["edited"] = self._edited(numbered, part, len(names) - 1)
        boxes = ndimage.find_objects(numbered)
        corners = np.array(
            [[b[0].start, b[1].start, b[0].stop, b[1].stop] for b in boxes], int
        ).reshape(-1, 4)
        corners += np.tile(origin, 2)
        rows[["top", "left", "bottom", "right"]] = corners
        height, width = self.labels.shape
        at_border = (corners[:, :2] == 0).any(axis=1)
        rows["at_border"] = at_border | (corners[:, 2:] == (height, width)).any(axis=1)
        rows["centroid_y"] += origin[0]
        rows["centroid_x"] += origin[1]
        rows.index = pd.Index(names[1:].astype(int), name="label")
        rows = rows.loc[:, list(COLUMNS)]
        return rows if only is None else rows.loc[rows.index.isin(list(only))]

    def _describe(
        self, numbered: np.ndarray, part: Box, whole: ImageContext | None
    ) -> pd.DataFrame:
        """Certainty, area and centroid of every nucleus of a part."""
        if "certainty" not in self.maps:
            blank = np.full(numbered.shape, np.nan, np.float32)
            return describe_objects(numbered, {"certainty": blank})
        maps = {name: m[part] for name, m in self.maps.items()}
        flows = None if self.flows is None else self.flows[:, *part]
        count = int(numbered.max(initial=0))
        if self.dropped is not None:
            rest, _ = number_labels(np.where(numbered > 0, 0, self.dropped[part]))
            numbered = np.where(rest > 0, rest + count, numbered)
        rows = describe_objects(numbered, maps, flows, self.calibration, whole)
        return rows.iloc[:count].copy()

    def _whole(self, part: Box) -> ImageContext:
        """Facts of the whole image that a part of it needs."""
        areas = np.concatenate([self.table["area"].to_numpy(), self._dropped_areas])
        log_area = np.median(np.log(areas)) if len(areas) else 0.0
        origin = part[0].start, part[1].start
        return ImageContext(
            origin, self.labels.shape, float(log_area), self._mean_certainty
        )

    def _intensity(self, numbered: np.ndarray, part: Box, count: int) -> np.ndarray:
        """Mean intensity of every nucleus; NaN without an image.

        Pixels that are NaN or infinite do not count.
        """
        if self.image is None:
            return np.full(count, np.nan)
        values, owner = np.asarray(self.image[part], float).ravel(), numbered.ravel()
        known = np.isfinite(values)
        if not known.all():
            values, owner = values[known], owner[known]
        total = np.bincount(owner, values, minlength=count + 1)
        with np.errstate(invalid="ignore"):  # NaN of nuclei without a number
            return total[1:] / np.bincount(owner, minlength=count + 1)[1:]

    def _edited(self, numbered: np.ndarray, part: Box, count: int) -> np.ndarray:
        """Nuclei whose pixels are not exactly those of one found, as bool (count,)."""
        differs = np.ones(count, bool)
        for found in (self.original, *self.found_since):
            differs &= _differs(numbered, np.asarray(found[part]), count)
        return differs


def _differs(numbered: np.ndarray, found: np.ndarray, count: int) -> np.ndarray:
    """Nuclei, from 1 on, whose pixels are not those of one label, as bool (count,)."""
    found, names = number_labels(found)
    found, owner = found.ravel(), numbered.ravel()
    low = np.full(count + 1, len(names), np.int32)
    high = np.zeros(count + 1, np.int32)
    np.minimum.at(low, owner, found)
    np.maximum.at(high, owner, found)
    spread = (low != high) | (high == 0)
    inside = np.bincount(owner, minlength=count + 1)
    areas = np.bincount(found, minlength=len(names))
    return (spread | (areas[high] != inside))[1:]


def _prints(labels: np.ndarray, part: Box, rows: pd.DataFrame) -> list[bytes]:
    """Hash of the pixels of nuclei: `rows` of a table, all in a part of the image.

    Parameters
    ----------
    labels : ndarray of int
        Those of `part`.
    part : tuple of slice
    rows : DataFrame
    """
    corners = rows[["top", "left", "bottom", "right"]].astype(int)
    prints = []
    for label, *corner in corners.itertuples():
        top, left, bottom, right = corner
        box = inside((slice(top, bottom), slice(left, right)), part)
        pixels = np.packbits(labels[box] == label).tobytes()
        place = repr(corner).encode()
        prints.append(blake2b(place + pixels, digest_size=16).digest())
    return prints
