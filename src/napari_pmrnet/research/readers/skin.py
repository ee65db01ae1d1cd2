"""Skin lesions in dermoscopy: ISIC 2017, ISIC 2018 and PH2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from napari_pmrnet.research.readers.layout import (
    Item,
    Reader,
    holds,
    subfolder,
    visible,
)

SUBSETS = {"training": "train", "validation": "val", "test": "test"}
IMAGE = r"ISIC_\d+"
MASK = r"(ISIC_\d+)_segmentation"


class ISIC(Reader):
    """One year of the ISIC challenge's lesion segmentation.

    Beside the images lie ``_superpixels.png``, and licence texts; other tasks have
    GroundTruth folders of their own. None of these is read.
    """

    year: ClassVar[str]
    ending: ClassVar[str]
    """Endings of the names of folders with images."""
    split_rule = "the official one; every image is a group"

    @classmethod
    def fits(cls, root: Path) -> bool:
        images, _ = cls._folders(root)
        return any(holds(folder, rf"{IMAGE}\.jpe?g") for folder in images.values())

    def _list(self) -> Iterator[Item]:
        images, masks = self._folders(self.root)
        for subset, folder in images.items():
            if subset not in masks:
                self.problems.append(
                    f"{folder}: there is no folder *_GroundTruth with "
                    "ISIC_<n>_segmentation.png for it. Its images are not used."
                )
                continue
            pictures = self.pictures(folder, IMAGE)
            truth = self.pictures(masks[subset], MASK)
            for key, image, mask in self.pairs(pictures, truth):
                yield Item(key, image, (mask,), split=subset)

    @classmethod
    def _folders(cls, root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
        """Folders with images, and folders with masks, of every subset."""
        images: dict[str, Path] = {}
        masks: dict[str, Path] = {}
        for path in visible(root):
            subset = cls._subset(path.name)
            if subset is None or not path.is_dir():
                continue
            # Some archives hold a folder of their own name.
            path = subfolder(path, path.name) or path
            if path.name.endswith(cls.ending):
                images[subset] = path
            elif "GroundTruth" in path.name and holds(path, rf"{MASK}\.png"):
                masks[subset] = path
        return images, masks

    @classmethod
    def _subset(cls, name: str) -> str | None:
        """The subset that a folder's name tells; None if it is of another year."""
        year = re.search(r"20\d\d", name)
        if year is not None and year[0] != cls.year:
            return None
        word = re.search("|".join(SUBSETS), name.lower())
        return None if word is None else SUBSETS[word[0]]


class ISIC2017(ISIC):
    """Part 1 of 2017: 2000 training, 150 validation and 600 test images."""

    name = "isic2017"
    title = "ISIC 2017"
    layout = (
        "*_Training_Data/ISIC_<n>.jpg + *_GroundTruth/ISIC_<n>_segmentation.png, and "
        "so for Validation and Test"
    )
    published = 2750
    year = "2017"
    ending = "_Data"


class ISIC2018(ISIC):
    """Task 1 of 2018: 2594 training, 100 validation and 1000 test images."""

    name = "isic2018"
    title = "ISIC 2018"
    layout = (
        "*_Training_Input/ISIC_<n>.jpg + *_GroundTruth/ISIC_<n>_segmentation.png, and "
        "so for Validation and Test"
    )
    published = 3694
    year = "2018"
    ending = "_Input"


class PH2(Reader):
    """200 images of moles, a folder each; its ``_roi`` folder is not read."""

    name = "ph2"
    title = "PH2"
    layout = (
        "PH2 Dataset images/IMD<n>/IMD<n>_Dermoscopic_Image/IMD<n>.bmp + "
        "IMD<n>_lesion/IMD<n>_lesion.bmp"
    )
    split_rule = "no official split; every image is a group"
    published = 200

    @classmethod
    def fits(cls, root: Path) -> bool:
        return any(_picture_folder(case) is not None for case in _cases(root))

    def _list(self) -> Iterator[Item]:
        for case in _cases(self.root):
            images = masks = {}
            if folder := _picture_folder(case):
                images = self.pictures(folder, case.name)
            if folder := subfolder(case, f"{case.name}_lesion"):
                masks = self.pictures(folder, f"({case.name})_lesion")
            for key, image, mask in self.pairs(images, masks):
                yield Item(key, image, (mask,))


def _cases(root: Path) -> list[Path]:
    return [p for p in visible(root) if re.fullmatch(r"IMD\d+", p.name) and p.is_dir()]


def _picture_folder(case: Path) -> Path | None:
    return subfolder(case, f"{case.name}_Dermoscopic_Image")
