"""Tumours in ultrasound of the breast: BUSI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_pmrnet.datasets.pixels import read_mask, unite
from napari_pmrnet.research.readers.layout import Item, Reader, holds, subfolder

LABEL_KINDS = ("benign", "malignant", "normal")
NORMAL = "normal"


class BUSI(Reader):
    """780 images: benign, malignant and normal.

    An image with several tumours has a mask for each, which are united. Images of
    normal tissue have no tumour, whatever their mask says. What a folder is called
    becomes the modality, so that ``--leave-out normal`` leaves the normal ones out.
    """

    name = "busi"
    title = "BUSI"
    layout = "{benign,malignant,normal}/benign (1).png + benign (1)_mask[_<k>].png"
    split_rule = "no official split; every image is a group"
    published = 780

    @classmethod
    def fits(cls, root: Path) -> bool:
        return any(
            holds(subfolder(root, kind), rf"{kind}.*_mask(_\d+)?\.(png|bmp|jpe?g)")
            for kind in LABEL_KINDS
        )

    def _list(self) -> Iterator[Item]:
        for kind in LABEL_KINDS:
            folder = subfolder(self.root, kind)
            if folder is None:
                self.problems.append(f"{self.root / kind}: there is no such folder.")
                continue
            images = self.pictures(folder, r"(?!.*_mask(?:_\d+)?$).*")
            masks = self.pictures(folder, r".*_mask(?:_\d+)?")
            yield from self._of_kind(kind, images, masks)

    def _of_kind(
        self, kind: str, images: dict[str, Path], masks: dict[str, Path]
    ) -> Iterator[Item]:
        """Images of a folder with all their masks."""
        firsts, all_masks = {}, {}
        for name, path in masks.items():
            key = name[: name.rindex("_mask")]
            firsts.setdefault(key, path)
            all_masks.setdefault(key, []).append(path)
        if kind == NORMAL:
            firsts = {key: Path() for key in images} | firsts
        for key, image, _ in self.pairs(images, firsts):
            found = tuple(all_masks.get(key, ()))
            yield Item(key, image, found, columns={"modality": kind})

    def labels(self, item: Item, shape: tuple[int, int]) -> np.ndarray:
        """All tumours as label 1; of normal tissue none."""
        united = unite(item.masks, shape)
        return united * (item.columns["modality"] != NORMAL)

    def doubts(self, item: Item, labels: np.ndarray) -> list[str]:
        """A normal image is without a tumour, and its mask should be."""
        if item.columns["modality"] != NORMAL:
            return super().doubts(item, labels)
        return [
            f"{path}: marks a tumour in an image of normal tissue. It is not used."
            for path in item.masks
            if read_mask(path).any()
        ]
