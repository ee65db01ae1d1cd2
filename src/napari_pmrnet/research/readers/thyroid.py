"""Ultrasound of the thyroid in the layout of its authors: TN3K and TG3K.

Their split files hold positions in the list of images sorted by number, not names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from napari_pmrnet.datasets.pixels import image_size
from napari_pmrnet.errors import DataError
from napari_pmrnet.research.readers.layout import (
    Item,
    Reader,
    holds,
    subfolder,
    visible,
)

BLOCKS = 10
"""Blocks of neighbours where the videos of TG3K cannot be told apart."""


class TN3K(Reader):
    """3493 images of nodules: 2879 to train and validate with, 614 to test.

    Every ``tn3k-trainval-fold<k>.json`` becomes a column ``fold<k>``; the first one is
    the split.
    """

    name = "tn3k"
    title = "TN3K"
    layout = (
        "trainval-image, trainval-mask, test-image, test-mask with <n>.jpg; "
        "tn3k-trainval-fold<k>.json"
    )
    split_rule = (
        "the official test images, and train and val of the first fold; other folds "
        "with --column fold<k>; every image is a group"
    )
    published = 3493

    @classmethod
    def fits(cls, root: Path) -> bool:
        return subfolder(root, "trainval-image") is not None and holds(
            subfolder(root, "trainval-mask"), r"\d+\.\w+"
        )

    def _list(self) -> Iterator[Item]:
        images, masks = _folder_pair(self, "trainval")
        folds = {
            f"fold{number}": _positions(self, path, list(images))
            for number, path in self._fold_files().items()
        }
        if not folds:
            self.problems.append(
                f"{self.root / 'tn3k-trainval-fold0.json'}: missing. A part of the "
                "training images becomes val."
            )
        for key, image, mask in self.pairs(images, masks):
            known = {name: fold.get(key, "") for name, fold in folds.items()}
            split = next(iter(known.values()), "train")
            yield Item(f"trainval-{key}", image, (mask,), split, columns=known)
        known = dict.fromkeys(folds, "test")
        for key, image, mask in self.pairs(*_folder_pair(self, "test")):
            yield Item(f"test-{key}", image, (mask,), "test", columns=known)

    def _fold_files(self) -> dict[int, Path]:
        """Split files by number."""
        found = {}
        for path in visible(self.root):
            match = re.fullmatch(r"tn3k-trainval-fold(\d+)\.json", path.name)
            if match:
                found[int(match[1])] = path
        return dict(sorted(found.items()))


class TG3K(Reader):
    """3585 frames of 16 ultrasound videos, with the gland marked.

    Neighbouring numbers are neighbouring frames. Videos are not named; a new one begins
    where the size of the frames changes.
    """

    name = "tg3k"
    title = "TG3K"
    layout = "thyroid-image/<n>.jpg + thyroid-mask/<n>.jpg; tg3k-trainval.json"
    split_rule = (
        "the official train and val, without a test; --column grouped makes one of "
        "whole videos, told apart by the size of their frames"
    )
    published = 3585

    @classmethod
    def fits(cls, root: Path) -> bool:
        return subfolder(root, "thyroid-image") is not None and holds(
            subfolder(root, "thyroid-mask"), r"\d+\.\w+"
        )

    def _list(self) -> Iterator[Item]:
        images, masks = _folder_pair(self, "thyroid")
        path = self.root / "tg3k-trainval.json"
        splits: dict[str, str] = {}
        if path.is_file():
            splits = _positions(self, path, list(images))
        videos = self._videos(images)
        for key, image, mask in self.pairs(images, masks):
            yield Item(key, image, (mask,), splits.get(key, ""), videos[key])

    def remarks(self) -> list[str]:
        """Says so where videos cannot be told apart."""
        if not self.items or not self.items[0].group.startswith("block"):
            return []
        return [
            f"{self.root}: all frames are of one size, so where a video ends is not "
            "known. Blocks of neighbouring frames are kept together instead; the last "
            "frames of a block and the first of the next are alike."
        ]

    def _videos(self, images: dict[str, Path]) -> dict[str, str]:
        """The video of every frame; blocks of neighbours where there seem too few."""
        videos, number, last = {}, 0, None
        for key, path in images.items():
            try:
                size = image_size(path)
            except DataError:
                size = last
            number += size != last
            videos[key], last = f"video {number}", size
        if number >= 3:
            return videos
        length = max(1, len(images) // BLOCKS)
        return {key: f"block {i // length + 1}" for i, key in enumerate(images)}


def _folder_pair(reader: Reader, part: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images and masks of a part, sorted by number; nothing if there is no folder."""
    found = []
    for kind in ("image", "mask"):
        folder = subfolder(reader.root, f"{part}-{kind}")
        if folder is None:
            reader.problems.append(
                f"{reader.root / f'{part}-{kind}'}: there is no such folder."
            )
            return {}, {}
        found.append(reader.pictures(folder))
    return found[0], found[1]


def _positions(reader: Reader, path: Path, names: list[str]) -> dict[str, str]:
    """Subset of the names at the positions that a split file lists."""
    try:
        lists = json.loads(path.read_text(encoding="utf-8"))
        wanted = {s: [int(i) for i in lists[s]] for s in ("train", "val")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        reader.problems.append(
            f'{path}: not a split file like {{"train": [0, 1], "val": [2]}} '
            f"({type(error).__name__}: {error}). It is not used."
        )
        return {}
    chosen: dict[str, str] = {}
    outside = [i for s in wanted for i in wanted[s] if not 0 <= i < len(names)]
    if outside:
        reader.problems.append(
            f"{path}: lists position {outside[0]} and there are {len(names)} images. "
            f"{len(outside)} such positions are not used: is part of the images "
            "missing? Then all that follow are shifted."
        )
    for subset, places in wanted.items():
        for place in places:
            if 0 <= place < len(names):
                chosen[names[place]] = subset
    both = set(wanted["train"]) & set(wanted["val"])
    if both:
        reader.problems.append(
            f"{path}: {len(both)} positions are in train and in val, such as "
            f"{min(both)}. They are used as val."
        )
    missing = [name for name in names if name not in chosen]
    if missing:
        reader.problems.append(
            f"{path}: {len(missing)} images are in neither train nor val, such as "
            f"{missing[0]}. They are not used."
        )
    return chosen
