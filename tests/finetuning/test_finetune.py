"""What a model is fine-tuned with, and how much of it stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.finetune import (
    LEAST_STEPS,
    MOST_STEPS,
    REPLAYED,
    VALIDATION_CROPS,
    crop_source,
    mixed,
    steps_for,
    training_config,
    tuned_model,
    validation_crops,
)
from napari_pmrnet.finetuning.job import TuneSettings
from napari_pmrnet.models.model import Model


def test_weights_lie_between_both_states() -> None:
    before = {"w": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    after = {"w": torch.tensor([1.0, 4.0]), "count": torch.tensor(9)}
    for keep, expected in ((0.0, [1, 4]), (1.0, [0, 2]), (0.25, [0.75, 3.5])):
        made = mixed(before, after, keep)
        assert made["w"].tolist() == expected
        assert int(made["count"]) == 9, "what is no weight is that of the training"
    assert after["w"].tolist() == [1, 4]


def test_the_share_of_generated_nuclei_is_what_is_asked_for(corrected) -> None:
    source = crop_source(corrected, TuneSettings(replay=0.25))
    assert len(source.samples) == len(corrected) + REPLAYED
    assert source.weights.sum() == pytest.approx(1)
    assert source.weights[-REPLAYED:].sum() == pytest.approx(0.25)


def test_images_with_more_reviewed_nuclei_are_drawn_more_often(corrected) -> None:
    many, one = corrected
    few = replace(one, reviewed=one.reviewed[:1])
    source = crop_source([many, few], TuneSettings(replay=0))
    assert len(source.samples) == 2
    assert source.weights[0] == pytest.approx(
        many.reviewed.size**0.5 * source.weights[1]
    )


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="Review more nuclei"):
        crop_source([], TuneSettings())


def test_crops_to_score_with_are_the_same_at_every_epoch(corrected) -> None:
    settings = TuneSettings(crop_size=32)
    first, again = (validation_crops(corrected, settings) for _ in range(2))
    assert sum(len(images) for images, _ in first) == VALIDATION_CROPS
    for (a, b), (c, d) in zip(first, again, strict=True):
        assert torch.equal(a, c) and torch.equal(b, d)
    assert validation_crops([], settings) == []


def test_settings_reach_the_trainer() -> None:
    settings = TuneSettings(learning_rate=1e-4, frozen_norm=False, crop_size=64, seed=7)
    config = training_config(settings, ("probability",), 5)
    assert (config.learning_rate, config.frozen_norm) == (1e-4, False)
    assert (config.crop_size_at(config.epochs - 1), config.seed) == (64, 7)
    assert config.steps_for(1000) == 5 and config.channels == ("probability",)


@pytest.mark.parametrize(("minutes", "steps"), [(1e-9, LEAST_STEPS), (1e9, MOST_STEPS)])
def test_steps_stay_within_bounds(
    model: Model, corrected, minutes: float, steps: int
) -> None:
    settings = TuneSettings(minutes=minutes, crop_size=32, replay=0)
    assert steps_for(model, crop_source(corrected, settings), settings) == steps


def test_a_tuned_model_has_its_weights_and_the_card_without_the_hash(
    model: Model,
) -> None:
    state = {k: torch.zeros_like(v) for k, v in model.network.state_dict().items()}
    tuned = tuned_model(model, state)
    assert tuned.card.sha256 == "" and model.card.sha256
    assert not any(p.any() for p in tuned.network.parameters())
    assert any(p.any() for p in model.network.parameters())
    maps = tuned.predict_tiles(np.zeros((1, 3, 64, 64), np.float32))
    assert maps.shape[1] == len(model.map_names())


def test_crops_are_seen_with_the_limits_of_their_labels() -> None:
    image, labels = make_fluorescence((96, 96), n=4)
    settings = TuneSettings(replay=0.0)
    seen = [
        crop_source([Corrections("a", image, labels, np.array([1]), limits)], settings)
        for limits in ("automatic", "0:255", "0:2550")
    ]
    means = [float(source.samples[0].image.float().mean()) for source in seen]
    assert means[2] < means[1] / 5 and means[0] != means[1]
