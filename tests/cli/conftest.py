"""Trees of published data sets, a packed one, and images for a batch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from published_trees import any_tree, draw, tree

from ..batch.conftest import core, folder

__all__ = ["any_tree", "core", "draw", "folder", "tree"]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (70, 90)).astype(np.uint8)


@pytest.fixture
def data(image: np.ndarray, tmp_path: Path) -> Path:
    """A packed folder of one image of each subset."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    subsets = {"x": "test", "t": "train", "v": "val"}
    for name in subsets:
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        labels = (image > 200).astype(np.uint16)
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", labels)
    table = pd.DataFrame({"image_id": subsets.keys(), "split": subsets.values()})
    table.assign(modality="f").to_csv(tmp_path / "split.csv", index=False)
    return tmp_path
