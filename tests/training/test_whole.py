"""Objects and classes are learned from whole images, and what comes out labels them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image
from scipy import ndimage

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.semantic import dice
from napari_pmrnet.evaluation.tables import summary
from napari_pmrnet.pretrained import load_model
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import CropSource, make_whole_sample
from napari_pmrnet.training.run import train
from napari_pmrnet.training.runs import is_trained

TINY = TrainConfig(epochs=2, batch_size=2, steps_per_epoch=2, validate_every=1)


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
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


def test_a_crop_holds_an_image_whole_at_the_scale_of_use() -> None:
    image, labels = lesion(1)
    sample = make_whole_sample(image, labels, 64)
    assert sample.scale == 64 / 96
    config = TrainConfig().for_labels("classes", ("polyp", "tool"))
    plain = replace(
        config.augmentation, scale_low=1.0, scale_high=1.0, stretch=0.0, far=0.0
    )
    source = CropSource([sample], np.ones(1), plain, 0, classes=2)
    _, target = source.batch(0, 8, 64)
    assert target.shape == (8, 7, 64, 64)
    first, second = target[:, 5], target[:, 6]
    assert torch.equal(first + second, target[:, 0])
    # Turned by less than 45 degrees a corner may leave the crop, no more.
    share = [float((labels == k).mean()) * 96 * 72 / 96**2 for k in (1, 2)]
    assert float(first.mean()) == pytest.approx(share[0], rel=0.4)
    assert float(second.mean()) == pytest.approx(share[1], rel=0.4)


@pytest.mark.parametrize("labels", ["objects", "classes"])
def test_what_is_trained_labels_lesions(
    data: Path, tmp_path: Path, labels: str
) -> None:
    names = ("polyp", "tool") if labels == "classes" else ()
    config = TrainConfig(epochs=4, batch_size=4, steps_per_epoch=16, ema_decay=0.9)
    config = replace(config.for_labels(labels, names), crop_size=64)
    card = train(data, None, tmp_path / "w.safetensors", config)
    assert card["labels"] == labels and card["window"] == 64
    assert "working_diameters" not in card and "object_certainty" not in card
    assert set(card["thresholds"]) == {"probability_threshold"}
    model = load_model(tmp_path / "w.safetensors", "cpu")
    validation = PackedDataset(data, subset="val")
    scores = []
    for name in validation.ids:
        image, truth = validation.load(name)
        found = segment(image, model=model)
        scores.append(dice(found.labels > 0, truth > 0))
        if labels == "objects":
            assert found.labels.max() == ndimage.label(found.labels > 0)[1]
        else:
            both = (found.labels > 0) & (truth > 0)
            assert (found.labels == truth)[both].mean() > 0.8
    assert np.mean(scores) > 0.8
    settings = Settings.for_card(model.card)
    tables = summary(evaluate(model, validation, settings))
    assert len(tables) == 2 and "Semantic (256 x 256)" in tables
    if labels == "classes":
        row = tables["Dice of classes (native size)"].loc["all"]
        assert row["mean"] == pytest.approx((row["polyp"] + row["tool"]) / 2)
        assert card["val"]["polyp"] == pytest.approx(row["polyp"], abs=1e-3)
    else:
        assert tables["Objects (native size)"].loc["all", "F1"] > 0.5


def test_labels_that_do_not_fit_the_classes_are_refused(
    data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "w.safetensors"
    one, three = (
        replace(TINY.for_labels("classes", names), crop_size=32)
        for names in (("polyp",), ("polyp", "tool", "scope"))
    )
    with pytest.raises(DataError, match="has the label 2, and there are 1 classes"):
        train(data, None, output, one)
    with pytest.raises(DataError, match="no training image shows the class 'scope'"):
        train(data, None, output, three)
    for kind, names in (("objects", ("a",)), ("classes", ()), ("lesions", ())):
        with pytest.raises(DataError):
            TINY.for_labels(kind, names)


def test_a_run_from_before_there_were_classes_counts_as_done(tmp_path: Path) -> None:
    config = TrainConfig(epochs=3)
    older = config.as_dict()
    for name in ("labels", "classes"):
        del older[name]
    del older["loss"]["classes"]
    torch.save({"config": older, "epoch": 3}, tmp_path / "w.ckpt")
    assert is_trained(config, tmp_path / "w.ckpt")
    assert not is_trained(replace(config, seed=1), tmp_path / "w.ckpt")
