"""Objects and classes are learned from whole images, and what comes out labels them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from lib.runs import is_trained
from PIL import Image
from scipy import ndimage

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.report import write_report
from napari_pmrnet.evaluation.semantic import dice
from napari_pmrnet.evaluation.tables import NOT_APPLICABLE, summary
from napari_pmrnet.models import load_model
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.research.registry import open_dataset
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import CropSource, make_whole_sample, random_scale
from napari_pmrnet.training.train import train
from napari_pmrnet.training.validation import (
    _batches,
    validation_dice,
    whole_validation_pair,
)

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


def sets(folder: Path, name: str | None = None) -> tuple[OpenedDataset, OpenedDataset]:
    """The images to train on and those to validate with."""
    opened = open_dataset(name, folder, subset=("train", "val"))
    return opened.only("train"), opened.only("val")


def test_a_crop_holds_an_image_whole_at_the_scale_of_use() -> None:
    image, labels = lesion(1)
    sample = make_whole_sample(image, labels, 64)
    assert sample.scale == 64 / 86 and sample.labels.shape == (1, 86, 65)
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


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("labels", ["objects", "classes"])
def test_what_is_trained_labels_lesions(
    data: Path, tmp_path: Path, labels: str
) -> None:
    names = ("polyp", "tool") if labels == "classes" else ()
    config = TrainConfig(epochs=4, batch_size=4, steps_per_epoch=16, ema_decay=0.9)
    config = replace(config.for_labels(labels, names), crop_size=64)
    card = train(*sets(data), tmp_path / "w.safetensors", config)
    assert card.label_kind == labels and card.tile == 64
    assert not {"working_diameters", "object_certainty"} & set(card.document)
    assert set(card.thresholds) == {"probability_threshold"}
    model = load_model(tmp_path / "w.safetensors", "cpu")
    validation = PackedDataset(data, subset="val")
    scores = []
    for name in validation.ids:
        image, truth = validation.load(name)
        found = segment(image, model=model)
        scores.append(dice(found.labels > 0, truth > 0))
        if labels == "objects":
            # A speck that meets an object at a corner is a part of it.
            inside, corners = found.labels > 0, np.ones((3, 3))
            fewest, most = (ndimage.label(inside, s)[1] for s in (corners, None))
            assert fewest <= found.labels.max() <= most
        else:
            both = (found.labels > 0) & (truth > 0)
            assert (found.labels == truth)[both].mean() > 0.8
    assert np.mean(scores) > 0.8
    settings = Settings.for_card(model.card)
    tables = summary(evaluate(model, validation, settings))
    eight = ["IoU", "Dice", "HD95", "ASD", "SE", "PC", "SP", "ACC"]
    assert tables["Semantic (256 x 256)"][eight].notna().all(axis=None)
    assert "pixel AUROC" in tables["Certainty of pixels"]
    if labels == "classes":
        row = tables["Dice of classes (native size)"].loc["all"]
        assert row["mean"] == pytest.approx((row["polyp"] + row["tool"]) / 2)
        assert card.val["polyp"] == pytest.approx(row["polyp"], abs=1e-3)
        each = tables["Classes (256 x 256)"]
        assert list(each.index) == ["polyp", "tool", "mean"]
        mean = each.loc[["polyp", "tool"], eight].mean()
        assert each.loc["mean", eight].tolist() == pytest.approx(mean.tolist())
        assert tables["Instances (native size)"].loc["all", "AP"] == NOT_APPLICABLE
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
        train(*sets(data), output, one)
    with pytest.raises(DataError, match="no training image shows the class 'scope'"):
        train(*sets(data), output, three)
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


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 99))
def test_samples_are_of_one_size_whatever_that_of_the_image(
    height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 255, (height, width + 1)).astype(np.uint8)
    image[0, 0] = 0
    how = TrainConfig().for_labels("objects").augmentation
    labels = np.full(image.shape, 3)
    sample = make_whole_sample(image, labels, 32, how.scale_high)
    side = max(sample.labels.shape)
    assert side == round(how.scale_high * 32) and bool((sample.labels == 3).all())
    scale = random_scale(sample, 32, how, rng)
    low, high = how.scale_low * 32, how.scale_high * 32
    assert low - 1e-6 <= scale * side <= high + 1e-6


def test_classes_decide_which_epoch_is_the_best(data: Path) -> None:
    image, labels = PackedDataset(data, subset="val").load("9")
    pair = whole_validation_pair(image, labels, 64)
    right = torch.as_tensor(pair[1])[None, None].float()

    def network(found: torch.Tensor) -> torch.nn.Module:
        logits = [
            20 * (found > 0) - 10.0,
            0 * found,
            *(20.0 * (found == k) for k in (1, 2)),
        ]

        class Fixed(torch.nn.Linear):
            def forward(self, _: torch.Tensor) -> PMRNetOutput:
                return PMRNetOutput(torch.cat(logits, dim=1))

        return Fixed(1, 1)

    channels = ("probability", "border", "class_1", "class_2")
    swapped = torch.where(right > 0, 3 - right, right)
    assert validation_dice(network(right), [pair], channels) == 1.0
    assert validation_dice(network(swapped), [pair], channels) == 0.0
    assert validation_dice(network(swapped), [pair], channels[:2]) == 1.0


def test_an_evaluation_of_other_classes_is_refused(
    data: Path, whole_weights: dict[str, Path]
) -> None:
    class More(PackedDataset):
        def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
            image, labels = super().load(image_id)
            return image, labels * 5

    model = load_model(whole_weights["classes"], "cpu")
    with pytest.raises(DataError, match="has the label 5, and 'classes' knows polyp"):
        evaluate(model, More(data, subset="val"))


def test_nuclei_are_not_looked_for_in_united_masks(
    data: Path, weights: Path, tmp_path: Path
) -> None:
    """Neither in an evaluation nor in a training; and the report goes without AP."""
    opened = PackedDataset(data, subset="val")
    opened.instances = False
    model = load_model(weights, "cpu")
    settings = Settings(diameter=25)
    scores = evaluate(model, opened, settings)
    tables = summary(scores)
    assert tables["Instances (native size)"].loc["all", "AP"] == NOT_APPLICABLE
    files = write_report(tmp_path / "r", scores, tables, model, opened, settings, {})
    assert [f.name for f in files] == [
        "images.csv",
        "report.md",
        "scores.json",
        "worst.png",
    ]
    assert NOT_APPLICABLE in (tmp_path / "r" / "report.md").read_text()
    (tmp_path / "k" / "images").mkdir(parents=True)
    (tmp_path / "k" / "masks").mkdir()
    for seed in range(12):
        image, labels = lesion(seed)
        for name, pixels in (("images", image), ("masks", 255 * (labels > 0))):
            picture = Image.fromarray(np.uint8(pixels))
            picture.save(tmp_path / "k" / name / f"{seed}.jpg")
    output = tmp_path / "w.safetensors"
    with pytest.raises(DataError, match="does not tell objects apart"):
        train(*sets(tmp_path / "k", "kvasir-seg"), output, TrainConfig())


def test_images_of_one_size_are_validated_together() -> None:
    truths = [np.zeros((8, 8), bool) for _ in range(5)]
    truths[1][2:5, 3:6] = truths[4][:2] = True
    sizes = (8, 16, 8, 8, 16)
    pairs = [
        (torch.full((3, size, size), float(index)), truth)
        for index, (size, truth) in enumerate(zip(sizes, truths, strict=True))
    ]
    batches = list(_batches(pairs, most=2))
    found = [images[:, 0, 0, 0].int().tolist() for images, _ in batches]
    assert found == [[0, 2], [1, 4], [3]]
    for numbers, (_, kept) in zip(found, batches, strict=True):
        assert all(k is truths[n] for k, n in zip(kept, numbers, strict=True))
