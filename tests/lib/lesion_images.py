"""Pictures of lesions of two classes, to learn objects and classes of."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.research.registry import open_dataset


def lesion(seed: int, height: int = 96, width: int = 72) -> tuple[np.ndarray, ...]:
    """A red blob of class 1, here and there a blue one of class 2, on pink tissue."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), np.uint8)
    places = ((0.3, 0.35), (0.7, 0.65)) if seed % 2 else ((0.5, 0.5),)
    for number, (top, left) in enumerate(places, start=1):
        bend = 1 + 0.2 * np.sin(3 * np.arctan2(y - top * height, x - left * width))
        far = np.hypot(y - top * height, x - left * width)
        labels[far < rng.uniform(11, 15) * bend] = number
    colours = np.array([[210, 150, 150], [150, 40, 50], [60, 60, 150]])
    texture = ndimage.gaussian_filter(rng.normal(0, 60, labels.shape), 3)
    image = colours[labels] + texture[..., None] + rng.normal(0, 5, (*labels.shape, 3))
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of lesions in the packed layout."""
    folder, rows = tmp_path_factory.mktemp("lesions"), []
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for seed in range(12):
        image, labels = lesion(seed)
        Image.fromarray(image).save(folder / "images" / f"{seed}.png")
        tifffile.imwrite(folder / "labels" / f"{seed}.tif", labels)
        rows.append({"image_id": seed, "split": "train" if seed < 8 else "val"})
    pd.DataFrame(rows).to_csv(folder / "split.csv", index=False)
    return folder


def sets(folder: Path, name: str | None = None) -> tuple[OpenedDataset, OpenedDataset]:
    """The images to train on and those to validate with."""
    opened = open_dataset(name, folder, subset=("train", "val"))
    return opened.only("train"), opened.only("val")
