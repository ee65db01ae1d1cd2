"""Scores of a model on a data set."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.evaluate import (
    PIXELS_AN_IMAGE,
    THRESHOLDS,
    class_dice,
    class_scores,
    evaluate,
    protocol_classes,
)
from napari_pmrnet.evaluation.instance import match
from napari_pmrnet.evaluation.semantic import dice
from napari_pmrnet.models import Model, load_model
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation import Settings, segment


@pytest.fixture
def packed(tmp_path: Path) -> PackedDataset:
    """Two pictures of four squares, one of a known modality."""
    labels = np.kron(np.array([[1, 2], [3, 4]]), np.pad(np.ones((20, 20), int), 6))
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for name in ("0", "1"):
        picture = np.where(labels > 0, 200 - 50 * int(name), 20).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"{name}.png")
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", labels.astype(np.uint16))
    (tmp_path / "split.csv").write_text(
        "image_id,split,modality\n0,val,bright\n1,val,\n"
    )
    return PackedDataset(tmp_path, subset="val")


def test_an_evaluation_of_other_classes_is_refused(
    lesions: Path, whole_weights: dict[str, Path]
) -> None:
    class More(PackedDataset):
        def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
            image, labels = super().load(image_id)
            return image, labels * 5

    model = load_model(whole_weights["classes"], "cpu")
    with pytest.raises(DataError, match="has the label 5, and 'classes' knows polyp"):
        evaluate(model, More(lesions, subset="val"))


def test_dice_of_every_class_by_its_name() -> None:
    truth = np.array([[1, 1, 2, 0]])
    found = np.array([[1, 2, 2, 0]])
    scores = class_dice(truth, found, ("polyp", "tool", "scope"))
    assert scores == pytest.approx({"polyp": 2 / 3, "tool": 2 / 3, "scope": 1})


def test_classes_neither_there_nor_found_have_no_scores() -> None:
    truth = np.array([[1, 1, 0, 0]])
    found = np.array([[0, 0, 2, 0]])
    scores = class_scores(truth, found, ("polyp", "tool", "scope"))
    assert list(scores) == ["polyp", "tool"]
    assert scores["polyp"]["SE"] == scores["tool"]["PC"] == 0


def test_nuclei_are_scored_one_by_one_and_the_rest_is_not_empty(
    model: Model, packed: PackedDataset
) -> None:
    seen = []
    settings = Settings(diameter=25)
    scores = evaluate(model, packed, settings, lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    assert [s.image_id for s in scores] == list(packed.ids)
    assert [s.modality for s in scores] == ["bright", ""]
    for score, (_, image, truth) in zip(scores, packed, strict=True):
        found = segment(image, settings, model)
        assert (
            score.kind is LabelKind.NUCLEI and not score.classes and not score.by_class
        )
        assert len(score.objects) == found.labels.max()
        expected = match(truth, found.labels, THRESHOLDS)
        assert score.matches == expected
        assert score.dice_native == dice(
            found.maps["probability"] > settings.probability_threshold, truth > 0
        )
        assert len(score.pixels) == PIXELS_AN_IMAGE
        assert score.pixels["entropy"].between(0, 1).all()


def test_united_nuclei_are_not_matched(model: Model, packed: PackedDataset) -> None:
    packed.instances = False
    score, _ = evaluate(model, packed, Settings(diameter=25))
    assert score.matches is None and score.objects.empty and score.missed.empty
    assert 0 <= score.semantic["Dice"] <= 1


def test_the_protocol_gives_classes_at_its_size(
    whole_weights: dict[str, Path],
) -> None:
    model = load_model(whole_weights["classes"], "cpu")
    truth = np.zeros((90, 60), np.uint8)
    truth[:45] = 2
    seen, true = protocol_classes(model, truth * 100, truth)
    assert seen.shape == true.shape == (256, 256)
    assert set(np.unique(seen)) <= {0, 1, 2}
    assert (true[:128] == 2).all() and not true[128:].any()


def test_specks_are_left_out_of_truth_and_prediction_in_a_second_figure(
    model: Model, packed: PackedDataset
) -> None:
    packed.table["specks_below"] = [400.5, np.nan]
    settings = Settings(diameter=25, probability_threshold=0.5, min_area=1)
    first, second = evaluate(model, packed, settings)
    _, image, truth = next(iter(packed))
    found = segment(image, settings, model).labels
    areas = np.bincount(found.ravel())
    assert np.bincount(truth.ravel())[1:].tolist() == [400] * 4
    assert first.without_specks is not None
    left = int((areas[1:] > 400).sum())
    assert all(
        (m.true_positive, m.false_negative, m.false_positive) == (0, 0, left)
        for m in first.without_specks
    )
    assert first.matches == match(truth, found, THRESHOLDS)
    assert second.without_specks is None


def test_rows_by_another_column(model: Model, packed: PackedDataset) -> None:
    packed.table["organ"] = ["bone", np.nan]
    scores = evaluate(model, packed, Settings(diameter=25), by="organ")
    assert [s.modality for s in scores] == ["bone", ""]
    with pytest.raises(DataError, match="no column limb. It has: split, modality"):
        evaluate(model, packed, by="limb")
