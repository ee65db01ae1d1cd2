"""The 2018 Data Science Bowl: a folder an image, masks in files or in a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_pmrnet.datasets.dsb18 import mask_files, only_image, read_stage1_folder
from napari_pmrnet.datasets.pixels import read_image
from napari_pmrnet.errors import DataError
from napari_pmrnet.research.readers.layout import Item, Reader, visible
from napari_pmrnet.research.readers.rle import labels_of_runs, read_runs

PARTS = {
    "stage1_train": ("train", "stage1_train_labels.csv"),
    "stage1_test": ("test", "stage1_solution.csv"),
}


class DSB18(Reader):
    """Stage 1: 670 images with masks and, with its solution, 65 test images.

    Masks are files, or else rows of ``stage1_train_labels.csv``; those of the test
    images are rows of ``stage1_solution.csv``.
    """

    name = "dsb18"
    title = "2018 Data Science Bowl"
    layout = (
        "stage1_train/<id>/images/<id>.png + masks/*.png, or stage1_train_labels.csv"
    )
    split_rule = (
        "stage1_test as test if stage1_solution.csv is there, else none; every image "
        "is a group, for the layout does not say which are tiles of one mosaic"
    )
    published = 670
    instances = True

    @classmethod
    def fits(cls, root: Path) -> bool:
        return any(_cases(folder) for folder in (root, *(root / p for p in PARTS)))

    def _list(self) -> Iterator[Item]:
        self._runs: dict[str, list[str]] = {}
        if _cases(self.root):
            name = self.root.name if self.root.name in PARTS else "stage1_train"
            yield from self._part(self.root, *PARTS[name], self.root.parent)
            return
        for name, (split, table) in PARTS.items():
            yield from self._part(self.root / name, split, table, self.root)

    def _part(
        self, folder: Path, split: str, table: str, beside: Path
    ) -> Iterator[Item]:
        """Images of a part that have masks in files or in a table."""
        runs: dict[str, list[str]] = {}
        for path in (folder / table, beside / table):
            if path.is_file():
                runs = read_runs(path)
                break
        without = []
        for case in _cases(folder):
            masks = mask_files(case)
            try:
                image = only_image(case)
            except DataError as error:
                self.problems.append(str(error))
                continue
            if masks or case.name in runs:
                if not masks:
                    self._runs[case.name] = runs[case.name]
                yield Item(case.name, image, tuple(masks), split)
            else:
                without.append(case)
        if without:
            self.problems.append(
                f"{folder}: {len(without)} images have no masks, neither files nor "
                f"rows of {table}, such as {without[0].name}. They are not used."
            )

    def load(self, item: Item) -> tuple[np.ndarray, np.ndarray]:
        """Read an image and its nuclei; see `read_stage1_folder`."""
        if item.image_id not in self._runs:
            return read_stage1_folder(item.image.parents[1])
        image = read_image(item.image)
        runs = self._runs[item.image_id]
        return image, labels_of_runs(runs, image.shape[:2], str(item.image))


def _cases(folder: Path) -> list[Path]:
    """Folders of one image each."""
    if not folder.is_dir():
        return []
    return [case for case in visible(folder) if any((case / "images").glob("*.png"))]
