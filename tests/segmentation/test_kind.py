"""Objects and classes: the image is seen whole, and the foreground is not split."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_pmrnet.errors import ImageError, WeightsError
from napari_pmrnet.large import segment_large
from napari_pmrnet.pretrained import load_model
from napari_pmrnet.pretrained.card import architecture
from napari_pmrnet.pretrained.card_checks import card_fault
from napari_pmrnet.pretrained.model import Model
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.segmentation.kind import class_channels, classes_of


@pytest.fixture(scope="module")
def objects(whole_weights) -> Model:
    return load_model(whole_weights["objects"], "cpu")


@pytest.fixture(scope="module")
def classes(whole_weights) -> Model:
    return load_model(whole_weights["classes"], "cpu")


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random((height, width, 3)), (9, 9, 0))
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def middle(values: np.ndarray) -> float:
    """The value that half of an array lies above."""
    return float(np.clip(np.median(values), 0.05, 0.95))


@pytest.mark.parametrize("shape", [(64, 64), (150, 90), (40, 300), (33, 21)])
def test_an_image_is_one_window_and_comes_back_at_its_size(objects, shape) -> None:
    seen = []
    watched = replace(objects)
    predict = Model.predict_windows
    object.__setattr__(
        watched,
        "predict_windows",
        lambda w, *a: seen.append(w.shape) or predict(objects, w, *a),
    )
    found = segment(picture(*shape), model=watched)
    assert seen == [(1, 3, max(shape), max(shape))]
    assert found.labels.shape == found.maps["probability"].shape == shape
    assert found.scale == 64 / max(shape) and found.diameter is None


def test_objects_are_the_connected_parts_of_the_foreground(objects) -> None:
    image = picture(120, 80)
    threshold = middle(segment(image, model=objects).maps["probability"])
    settings = Settings(probability_threshold=threshold, min_area=0)
    found = segment(image, settings, objects)
    parts, count = ndimage.label(found.maps["probability"] > threshold)
    assert found.labels.max() == count == len(found.objects) > 0
    assert np.array_equal(found.labels > 0, parts > 0)


def test_classes_are_told_apart_by_their_probability(classes) -> None:
    image = picture(120, 80)
    first = segment(image, model=classes)
    threshold = middle(first.maps["probability"])
    found = first.relabel(replace(first.settings, probability_threshold=threshold))
    expected = np.where(found.maps["class_2"] > found.maps["class_1"], 2, 1)
    inside = found.labels > 0
    assert inside.any() and np.array_equal(found.labels[inside], expected[inside])
    present = np.unique(found.labels[inside])
    assert found.objects["label"].tolist() == present.tolist()
    names = {1: "polyp", 2: "tool"}
    assert found.objects["class"].tolist() == [names[k] for k in present]
    areas = [int((found.labels == k).sum()) for k in present]
    assert found.objects["area"].tolist() == areas
    assert not found.missed().labels.any()


@given(st.lists(st.integers(0, 3), min_size=4, max_size=40), st.integers(1, 3))
def test_the_likeliest_class_wins_within_the_foreground(values, count) -> None:
    parts = np.array([values], np.int32)
    rng = np.random.default_rng(len(values))
    maps = {name: rng.random(parts.shape) for name in class_channels(count)}
    labels = classes_of(parts, maps)
    assert np.array_equal(labels > 0, parts > 0)
    for at in np.flatnonzero(parts):
        won = labels.ravel()[at]
        for name in maps:
            assert maps[f"class_{won}"].ravel()[at] >= maps[name].ravel()[at]
    assert count > 1 or set(np.unique(labels)) <= {0, 1}


def test_parts_of_an_image_are_refused(objects, tmp_path: Path) -> None:
    image = picture(80, 80)
    region = np.zeros((80, 80), bool)
    region[:40, :40] = True
    with pytest.raises(ImageError, match=r"'eye': a model of objects sees .* whole"):
        segment(image, model=objects, region=region, image_name="eye")
    with pytest.raises(ImageError, match="Shrink it"):
        segment_large(image[..., 0], tmp_path / "eye.zarr", model=objects)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"labels": "lesions"}, "says that it labels 'lesions'"),
        ({"labels": "classes"}, "names classes, or does not"),
        ({"labels": "objects", "classes": ["a"]}, "names classes, or does not"),
        ({"labels": "objects", "working_diameters": [20, 34]}, "as for nuclei"),
        ({"labels": "classes", "classes": ["a", "a"]}, "each once"),
        ({"labels": "classes", "classes": [" "]}, "each once"),
        ({"labels": "classes", "classes": ["a", "b"]}, "other output channels"),
    ],
)
def test_cards_that_contradict_themselves_are_refused(fields, fault) -> None:
    card = {"architecture": architecture(("probability",)), "window": 64}
    assert fault in card_fault({**card, "sha256": "0" * 64, **fields})


def test_cards_of_objects_and_classes_are_taken(objects, classes) -> None:
    assert card_fault(objects.card) is None and card_fault(classes.card) is None


def test_a_card_of_other_channels_than_its_weights_is_refused(
    whole_weights, tmp_path: Path
) -> None:
    path = shutil.copy(whole_weights["classes"], tmp_path)
    card = whole_weights["classes"].with_suffix(".json").read_text()
    (tmp_path / "classes.json").write_text(card.replace('"class_2"', '"class_9"'))
    assert load_model(path, "cpu").channels[-1] == "class_9"
    (tmp_path / "classes.json").write_text(card.replace('"class_2"', '"x", "y"'))
    with pytest.raises(WeightsError, match="does not hold weights"):
        load_model(path, "cpu")
