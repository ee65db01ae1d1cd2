"""The configuration of a training, and what follows from what it labels."""

import json

import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.research.networks import PARTS
from napari_pmrnet.training.config import WHOLE, TrainConfig

UNET = TrainConfig(network="unet")
WITHOUT = [TrainConfig(without=(part,)) for part in PARTS["pmrnet"]]


def test_configuration_survives_json() -> None:
    for config in (UNET, *WITHOUT):
        assert TrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config
    before = TrainConfig().as_dict()
    del before["network"], before["without"]
    assert TrainConfig.from_dict(before) == TrainConfig()


def test_the_last_epochs_of_every_cycle_have_larger_crops() -> None:
    config = TrainConfig(epochs=4, cycles=2, finish_epochs=1)
    assert config.total_epochs == 8
    sizes = [config.crop_size_at(epoch) for epoch in range(8)]
    assert sizes == 2 * [128, 128, 128, 192]


@pytest.mark.parametrize(
    ("images", "batch", "fixed", "steps"),
    [(80, 8, 0, 10), (15, 8, 0, 1), (3, 8, 0, 1), (80, 8, 25, 25)],
)
def test_steps_of_an_epoch(images: int, batch: int, fixed: int, steps: int) -> None:
    config = TrainConfig(batch_size=batch, steps_per_epoch=fixed)
    assert config.steps_for(images) == steps


def test_a_shorter_recipe_keeps_its_share_of_larger_crops() -> None:
    short = TrainConfig(epochs=100, finish_epochs=14).shortened(50)
    assert (short.epochs, short.finish_epochs) == (50, 7)


def test_objects_and_classes_are_learned_from_whole_images() -> None:
    config = TrainConfig().for_labels("classes", ("polyp", "tool"))
    assert config.channels == ("probability", "border", "class_1", "class_2")
    assert config.crop_size == WHOLE and config.finish_epochs == 0
    assert config.augmentation.far == 0
    assert config.card_fields() == {
        "labels": "classes",
        "window": WHOLE,
        "overlap": 0,
        "classes": ["polyp", "tool"],
    }
    objects = TrainConfig().for_labels("objects")
    assert objects.channels == ("probability", "border")
    assert "classes" not in objects.card_fields()
    assert TrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


def test_nuclei_are_the_recipe_as_it_is() -> None:
    config = TrainConfig(seed=3)
    assert config.for_labels("instances") is config
    assert set(config.card_fields()) == {"working_diameters"}


@pytest.mark.parametrize(
    ("kind", "classes", "words"),
    [
        ("lesions", (), "instances, objects, classes, not 'lesions'"),
        ("classes", (), "Name the classes if, and only if"),
        ("objects", ("polyp",), "Name the classes if, and only if"),
    ],
)
def test_kinds_and_classes_that_do_not_go_together(
    kind: str, classes: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        TrainConfig().for_labels(kind, classes)
