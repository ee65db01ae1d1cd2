"""Six little images to train on, and a configuration that takes seconds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.training.config import TrainConfig

SMALL = TrainConfig(
    epochs=3,
    batch_size=2,
    crop_size=32,
    finish_epochs=1,
    finish_crop_size=40,
    validate_every=1,
    ema_decay=0.5,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six little images of one bright square each."""
    folder, rows = tmp_path / "data", []
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for index in range(6):
        labels = np.zeros((48, 48), np.uint16)
        labels[8 + index : 28 + index, 10:30] = 3
        Image.fromarray((labels * 60).astype(np.uint8)).save(
            folder / "images" / f"{index}.png"
        )
        tifffile.imwrite(folder / "labels" / f"{index}.tif", labels)
        rows.append({"image_id": index, "split": "train" if index < 4 else "val"})
    pd.DataFrame(rows).to_csv(folder / "split.csv", index=False)
    return folder


def sets(data: Path) -> tuple[PackedDataset, PackedDataset]:
    """The images to train on and those to validate with."""
    opened = PackedDataset(data, subset=("train", "val"))
    return opened.only("train"), opened.only("val")
