"""Thresholds and certainties fitted after a training."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models.card import new_card
from napari_pmrnet.network import PMRNet
from napari_pmrnet.segmentation import Settings, objects, segment
from napari_pmrnet.segmentation.flow_labels import label_nuclei
from napari_pmrnet.segmentation.objects import certainty_map
from napari_pmrnet.training.calibrate import (
    RIDGES,
    best_ridge,
    fit_certainties,
    fit_objects,
    fit_suggestions,
    logistic_regression,
    prune_channels,
    tune_foreground,
    tune_thresholds,
    used_channels,
    with_certainties,
)
from napari_pmrnet.training.targets import CHANNELS


def test_certainty_of_nuclei_tells_those_that_fit_from_those_that_do_not(
    data: Path,
) -> None:
    cases = []
    for index, (_, _, truth) in enumerate(PackedDataset(data, subset=None)):
        right = index % 2 == 0
        labels = (truth > 0).astype(np.int32)
        labels[:, 16 if not right else 48 :] = 0
        certainty = np.where(labels > 0, 0.9 if right else 0.3, 1.0)
        maps = {"pgrf": certainty, "boundary": 0 * certainty}
        maps["probability"] = np.where(labels > 0, 0.5 + certainty / 2, 0.1)
        flows = np.ones((2, *labels.shape))
        cases.append(
            (
                truth,
                SimpleNamespace(
                    labels=labels,
                    maps=maps,
                    flows=flows,
                    settings=Settings(),
                    diameter=None,
                    model=SimpleNamespace(card=new_card(("probability",))),
                ),
            )
        )
    fitted = fit_certainties(cases)
    assert set(fitted["object_certainty"]) == {"intercept", *objects.FEATURES}
    assert fitted["missed_certainty"] is None
    certainty = []
    for _, case in cases:
        shown = certainty_map(case.maps, fitted["certainty"])
        maps = {**case.maps, "certainty": shown}
        table = objects.describe_objects(
            case.labels, maps, case.flows, fitted["object_certainty"]
        )
        certainty.append(table["certainty"][0])
    assert min(certainty[::2]) > 0.9 and max(certainty[1::2]) < 0.1


def test_thresholds_are_those_with_the_best_labels() -> None:
    truth = np.zeros((40, 40), np.int32)
    truth[10:30, 10:30] = 1
    probability = np.full(truth.shape, 0.1, np.float32)
    probability[6:34, 6:34], probability[10:30, 10:30] = 0.52, 0.62
    flows = np.stack(np.mgrid[:40, :40]).astype(np.float32) - 19.5
    flows = -flows / np.maximum(np.hypot(*flows), 1)

    def relabel(settings: Settings) -> SimpleNamespace:
        assert settings.least_certainty == Settings().least_certainty
        return SimpleNamespace(labels=label_nuclei(probability, flows, settings, 20.0))

    case = SimpleNamespace(relabel=relabel)
    assert tune_thresholds([(truth, case)])["probability_threshold"] in (0.55, 0.6)


def test_thresholds_are_tuned_on_labels_without_those_that_are_dropped() -> None:
    image, truth = make_fluorescence((96, 96), seed=3)
    every = segment(image, Settings(diameter=20, least_certainty=0), extra_maps=True)
    assert every.labels.any()
    doubt = {"intercept": -9.0, **dict.fromkeys(objects.FEATURES, 0.0)}
    fitted = {
        "certainty": dict(every.model.card.certainty or {}),
        "object_certainty": doubt,
    }
    [(_, found)] = with_certainties([(truth, every)], fitted)
    assert np.array_equal(found.labels, every.labels)
    assert not found.relabel(replace(every.settings, least_certainty=0.05)).labels.any()


def test_pruning_keeps_what_the_kept_channels_said() -> None:
    network = PMRNet(out_channels=len(CHANNELS)).eval()
    keep = ("distance", "probability")
    pruned = PMRNet(out_channels=2).eval()
    pruned.load_state_dict(prune_channels(network.state_dict(), CHANNELS, keep))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected = network(image).logits[:, [CHANNELS.index(name) for name in keep]]
        torch.testing.assert_close(pruned(image).logits, expected)


def test_logistic_regression_finds_the_odds_it_was_drawn_from() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40_000, 2))
    odds = 0.5 + features @ [1.5, -2.0]
    outcome = rng.random(40_000) < 1 / (1 + np.exp(-odds))
    fitted = logistic_regression(features, outcome, ("a", "b"))
    assert list(fitted) == ["intercept", "a", "b"]
    np.testing.assert_allclose(list(fitted.values()), [0.5, 1.5, -2.0], atol=0.1)


def test_a_few_outcomes_are_fitted_with_a_stronger_ridge() -> None:
    rng = np.random.default_rng(0)

    def images(count: int, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
        drawn = [rng.normal(size=(size, 17)) for _ in range(count)]
        return [(x, rng.random(size) < 1 / (1 + np.exp(4 - x[:, 0]))) for x in drawn]

    few, many, others = images(40, 5), images(40, 200), images(1, 20_000)[0]
    assert best_ridge(few) >= 1e-2 > best_ridge(many)
    assert best_ridge(few[:1]) == RIDGES[0]

    def surprise(ridge: float) -> float:
        features, outcome = (np.concatenate(part) for part in zip(*few, strict=True))
        names = [str(i) for i in range(17)]
        fitted = logistic_regression(features, outcome, names, ridge)
        score = fitted["intercept"] + others[0] @ [fitted[name] for name in names]
        return float(np.mean(np.logaddexp(0, score) - others[1] * score))

    assert surprise(best_ridge(few)) < 0.7 * surprise(RIDGES[0])


def test_only_channels_that_are_read_stay() -> None:
    assert used_channels(CHANNELS) == ["probability", "flow_y", "flow_x"]
    of_classes = ("border", "class_2", "probability", "class_1")
    assert used_channels(of_classes) == ["class_2", "probability", "class_1"]


@pytest.mark.parametrize("bright", [0.42, 0.58])
def test_the_foreground_threshold_parts_objects_from_what_is_around(
    bright: float,
) -> None:
    truth = np.zeros((20, 20), np.int32)
    truth[5:15, 5:15] = 1
    maps = {"probability": np.where(truth > 0, bright + 0.06, bright)}
    model = SimpleNamespace(card=new_card(("probability",), labels="objects"))
    case = SimpleNamespace(maps=maps, model=model)
    chosen = tune_foreground([(truth, case)])["probability_threshold"]
    assert bright <= chosen < bright + 0.06


def test_where_nothing_was_found_nothing_is_fitted() -> None:
    nothing = pd.DataFrame(columns=list(objects.FEATURES))
    assert fit_objects([(nothing, np.zeros(0, bool))]) is None
    assert fit_suggestions([], {}, None) is None
