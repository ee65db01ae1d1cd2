"""Objects and classes: the image is seen whole, and the foreground is not split."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from card_model import on_cpu
from PIL import Image
from scipy import ndimage

from napari_pmrnet.batch import segment_files
from napari_pmrnet.errors import ImageError, WeightsError
from napari_pmrnet.models import load_model
from napari_pmrnet.models.card import card_path, new_card, parse_card
from napari_pmrnet.models.card_checks import CardError
from napari_pmrnet.models.label_kind import class_channels
from napari_pmrnet.models.model import Model
from napari_pmrnet.models.weights import save_model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.postprocess import nuclei_of
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.segment_stack import segment_planes
from napari_pmrnet.segmentation.stack import Stack

from ..segmentation.conftest import labelled


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
    predict = Model.predict_tiles
    object.__setattr__(
        watched,
        "predict_tiles",
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


def test_parts_of_an_image_are_refused(objects, tmp_path: Path) -> None:
    image = picture(80, 80)
    region = np.zeros((80, 80), bool)
    region[:40, :40] = True
    with pytest.raises(ImageError, match=r"'eye': a model of objects sees .* whole"):
        segment(image, model=objects, region=region, image_name="eye")
    with pytest.raises(ImageError, match="Shrink it"):
        labelled(Plane([image[..., 0]]), tmp_path / "eye.zarr", Settings(), objects)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"labels": "lesions"}, "says that it labels 'lesions'"),
        ({"labels": "classes"}, "names classes, or does not"),
        ({"labels": "objects", "classes": ["a"]}, "names classes, or does not"),
        ({"labels": "objects", "working_diameters": [20, 34]}, "of nuclei"),
        ({"labels": "classes", "classes": ["a", "a"]}, "each once"),
        ({"labels": "classes", "classes": [" "]}, "each once"),
        ({"labels": "classes", "classes": ["a", "b"]}, "other output channels"),
    ],
)
def test_cards_that_contradict_themselves_are_refused(fields, fault) -> None:
    with pytest.raises(CardError, match=fault):
        new_card(("probability",), window=64, sha256="0" * 64, **fields)


def test_cards_of_objects_and_classes_are_taken(objects, classes) -> None:
    for card in (objects.card, classes.card):
        assert parse_card(card.to_json()) == card


def test_a_card_of_other_channels_than_its_weights_is_refused(
    whole_weights, tmp_path: Path
) -> None:
    path = shutil.copy(whole_weights["classes"], tmp_path)
    card = card_path(whole_weights["classes"]).read_text()
    (tmp_path / "classes.json").write_text(card.replace('"class_2"', '"class_9"'))
    with pytest.raises(WeightsError, match="other output channels"):
        load_model(path, "cpu")
    (tmp_path / "classes.json").write_text(card.replace('"class_2"', '"class_2", "y"'))
    with pytest.raises(WeightsError, match="does not hold weights"):
        load_model(path, "cpu")


@pytest.fixture(scope="module")
def second_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that find the second of two classes everywhere."""
    channels = ("probability", *class_channels(2))
    network = PMRNet(out_channels=3)
    with torch.no_grad():
        network.head[2].weight.zero_()
        network.head[2].bias.copy_(torch.tensor([4.0, -4.0, 4.0]))
    path = tmp_path_factory.mktemp("second") / "second.safetensors"
    kind = {"labels": "classes", "classes": ["polyp", "tool"]}
    card = new_card(channels, **kind, window=64, overlap=0)
    save_model(path, network.state_dict(), card)
    return path


def test_a_class_keeps_its_number_through_a_stack(second_only) -> None:
    model = load_model(second_only, "cpu")
    stack = Stack(np.stack([picture(40, 60)[..., 0]] * 2), ("t", "y", "x"))
    steps = segment_planes(stack, Settings(), model, "film", link="t")
    found = run_to_end(steps)
    assert (np.asarray(found.labels) == 2).all()
    assert found.objects[["label", "class", "t"]].to_numpy().tolist() == [
        [2, "tool", 0],
        [2, "tool", 1],
    ]
    _, shown, certainty = found.shown
    assert shown.max() == len(certainty) == 1


def test_a_batch_takes_an_image_without_the_first_class(
    second_only, tmp_path: Path
) -> None:
    Image.fromarray(picture(40, 60)).save(tmp_path / "eye.png")
    report = segment_files(
        [str(tmp_path / "eye.png")],
        tmp_path / "out",
        Settings(model=str(second_only), device="cpu"),
    )
    assert [row.error for row in report.rows] == [""]
    labels = tifffile.imread(tmp_path / "out" / report.rows[0].labels)
    assert labels.shape == (40, 60) and (labels == 2).all()


@pytest.mark.parametrize(("side", "kept"), [(64, True), (640, False)])
def test_specks_are_those_of_the_network_not_of_the_image(
    side: int, kept: bool
) -> None:
    probability = np.zeros((side, side), np.float32)
    probability[10:17, 10:17] = 0.9
    maps = {"probability": probability, "certainty": probability}
    card = new_card(("probability",), labels="objects", window=64)
    labels, _ = nuclei_of(maps, None, Settings(), None, None, on_cpu(card))
    assert bool(labels.any()) is kept
    labels, _ = nuclei_of(maps, None, Settings(min_area=49), None, None, on_cpu(card))
    assert labels.any(), "a size that is set counts as it is"


def test_flows_of_a_strange_card_split_nothing() -> None:
    probability = np.zeros((40, 60), np.float32)
    probability[10:30, 5:55] = 0.9
    maps = {"probability": probability, "certainty": probability}
    x = np.broadcast_to(np.arange(60, dtype=np.float32), (40, 60))
    flows = np.stack([0 * x, np.sign(np.where(x < 30, 17, 43) - x)])
    card = new_card(("probability",), labels="objects", window=64)
    labels, _ = nuclei_of(maps, flows, Settings(), None, None, on_cpu(card))
    assert labels.max() == 1
