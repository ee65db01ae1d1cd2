"""Polyps in colonoscopy: CVC-ClinicDB and Kvasir-SEG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from napari_pmrnet.research.readers.layout import Item, Reader, holds, subfolder

BLOCK = 25
"""Frames of CVC-ClinicDB in a group: 612 frames come from 29 videos."""


class CVCClinicDB(Reader):
    """612 frames of 29 colonoscopy videos, each with a polyp.

    The original holds TIFF; mirrors add PNG, in folders ``PNG`` and ``TIF``. Which
    frames are of one video the layout does not say: a ``metadata.csv`` of a mirror
    with the columns ``frame_id`` and ``sequence_id`` is used, otherwise blocks of
    neighbouring numbers stay together.
    """

    name = "cvc-clinicdb"
    title = "CVC-ClinicDB"
    layout = "Original/<n>.tif + Ground Truth/<n>.tif, or both in PNG/"
    split_rule = (
        "no official split; groups are the videos of metadata.csv, else blocks of "
        f"{BLOCK} frames"
    )
    published = 612

    @classmethod
    def fits(cls, root: Path) -> bool:
        return holds(subfolder(root, "Original"), r".*\d+\.(tiff?|png)") and holds(
            _truth(root), r".*\d+\.(tiff?|png)"
        )

    def _list(self) -> Iterator[Item]:
        images = self.pictures(subfolder(self.root, "Original"))
        videos = _videos([self.folder, self.root, self.root.parent])
        pairs = self.pairs(images, self.pictures(_truth(self.root)))
        for index, (key, image, mask) in enumerate(pairs):
            number = int(key) - 1 if key.isdecimal() else index
            group = videos.get(key, f"block {number // BLOCK}")
            yield Item(key, image, (mask,), group=group)


def _truth(root: Path) -> Path | None:
    return subfolder(root, "Ground Truth", "GroundTruth", "Ground_Truth")


def _videos(folders: list[Path]) -> dict[str, str]:
    """The video of every frame, from the first table that says so."""
    for folder in folders:
        try:
            table = pd.read_csv(folder / "metadata.csv", dtype=str)
        except (OSError, ValueError):
            continue
        if {"frame_id", "sequence_id"} <= {*table.columns}:
            table = table.dropna(subset=["frame_id", "sequence_id"])
            videos = zip(table["frame_id"], table["sequence_id"], strict=True)
            return {frame: f"video {sequence}" for frame, sequence in videos}
    return {}


class KvasirSEG(Reader):
    """1000 images of polyps; the masks are JPEG, so their edges are grey."""

    name = "kvasir-seg"
    title = "Kvasir-SEG"
    layout = "images/<id>.jpg + masks/<id>.jpg"
    split_rule = "no official split; every image is a group"
    published = 1000

    @classmethod
    def fits(cls, root: Path) -> bool:
        return all(
            holds(subfolder(root, name), r".*\.jpe?g") for name in ("images", "masks")
        )

    def _list(self) -> Iterator[Item]:
        images, masks = (
            self.pictures(subfolder(self.root, name)) for name in ("images", "masks")
        )
        for key, image, mask in self.pairs(images, masks):
            yield Item(key, image, (mask,))
