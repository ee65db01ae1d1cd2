"""Objects and classes are learned from whole images, and what comes out labels them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lesion_images import lesion, sets
from PIL import Image
from scipy import ndimage

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.report import write_report
from napari_pmrnet.evaluation.semantic import dice
from napari_pmrnet.evaluation.tables import NOT_APPLICABLE, summary
from napari_pmrnet.models import load_model
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.train import train

TINY = TrainConfig(epochs=2, batch_size=2, steps_per_epoch=2, validate_every=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("labels", ["objects", "classes"])
def test_what_is_trained_labels_lesions(
    lesions: Path, tmp_path: Path, labels: str
) -> None:
    names = ("polyp", "tool") if labels == "classes" else ()
    config = TrainConfig(epochs=4, batch_size=4, steps_per_epoch=16, ema_decay=0.9)
    config = replace(config.for_labels(labels, names), crop_size=64)
    card = train(*sets(lesions), tmp_path / "w.safetensors", config)
    assert card.label_kind == labels and card.tile == 64
    assert not {"working_diameters", "object_certainty"} & set(card.document)
    assert set(card.thresholds) == {"probability_threshold"}
    model = load_model(tmp_path / "w.safetensors", "cpu")
    validation = PackedDataset(lesions, subset="val")
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
    lesions: Path, tmp_path: Path
) -> None:
    output = tmp_path / "w.safetensors"
    one, three = (
        replace(TINY.for_labels("classes", names), crop_size=32)
        for names in (("polyp",), ("polyp", "tool", "scope"))
    )
    with pytest.raises(DataError, match="has the label 2, and there are 1 classes"):
        train(*sets(lesions), output, one)
    with pytest.raises(DataError, match="no training image shows the class 'scope'"):
        train(*sets(lesions), output, three)
    for kind, names in (("objects", ("a",)), ("classes", ()), ("lesions", ())):
        with pytest.raises(DataError):
            TINY.for_labels(kind, names)


def test_nuclei_are_not_looked_for_in_united_masks(
    lesions: Path, weights: Path, tmp_path: Path
) -> None:
    """Neither in an evaluation nor in a training; and the report goes without AP."""
    opened = PackedDataset(lesions, subset="val")
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
