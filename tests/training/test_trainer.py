"""Training: it learns, it resumes to the same weights, it says what is wrong."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.models import load_model
from napari_pmrnet.models.card import new_card
from napari_pmrnet.network import PMRNet, PMRNetOutput
from napari_pmrnet.network.pmrnet import Gates
from napari_pmrnet.segmentation import Settings, objects
from napari_pmrnet.segmentation.objects import PIXEL_FEATURES, certainty_map
from napari_pmrnet.training.calibrate import (
    RIDGES,
    THRESHOLD_GRID,
    best_ridge,
    fit_certainties,
    logistic_regression,
    prune_channels,
    tune_thresholds,
)
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.loss import LossWeights, bce_dice, total_loss
from napari_pmrnet.training.targets import CHANNELS
from napari_pmrnet.training.train import make_trainer, train, training_data
from napari_pmrnet.training.trainer import MOST_HELPERS, Trainer, _Helpers

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


class Killed(Exception):
    """Stands for a process that is killed after an epoch."""


def test_resuming_after_a_kill_gives_the_same_weights(
    data: Path, tmp_path: Path
) -> None:
    def kill(report) -> None:
        if report.epoch == 2:
            raise Killed

    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    train(*sets(data), whole, SMALL)
    with pytest.raises(Killed):
        train(*sets(data), cut, SMALL, report=kill)
    seen = []
    train(*sets(data), cut, SMALL, report=lambda r: seen.append(r.epoch))
    assert seen == [3]
    expected, actual = load_file(whole), load_file(cut)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, msg=name)
    log = pd.read_csv(cut.with_suffix(".csv"))
    assert log["epoch"].tolist() == [1, 2, 3]
    assert log["crop_size"].tolist() == [32, 32, 40]


def test_card_tells_how_the_weights_were_made(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "w.safetensors"
    card = train(*sets(data), output, replace(SMALL, epochs=1))
    assert card.document == json.loads(output.with_suffix(".json").read_text())
    assert card.data["images"] == {"train": 4, "val": 2}
    assert card.channels == ("probability", "flow_y", "flow_x")
    assert card.certainty is not None
    assert set(card.certainty) == {"intercept", *PIXEL_FEATURES}
    fitted = {"object_certainty", "missed_certainty", "suggestions"}
    assert fitted <= set(card.document)
    for name, values in THRESHOLD_GRID.items():
        assert card.thresholds[name] in values
    assert card.val["images"] == 2 and 0 <= card.val["Dice"] <= 1
    assert TrainConfig.from_dict(
        {k: v for k, v in card.training.items() if k != "torch"}
    ) == replace(SMALL, epochs=1)
    assert load_model(output, "cpu").channels == ("probability", "flow_y", "flow_x")


def test_a_run_that_starts_from_a_model_names_it(data: Path, tmp_path: Path) -> None:
    slow = replace(SMALL, epochs=1, finish_epochs=0, learning_rate=1e-9)
    output = tmp_path / "w.safetensors"
    card = train(*sets(data), output, slow, start_from="dsb18")
    parent = load_model("dsb18", "cpu")
    assert card.parent == parent.card.sha256
    kernels = load_model(output, "cpu").network.state_dict()
    name = "head.2.weight"
    torch.testing.assert_close(kernels[name], parent.network.state_dict()[name])


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
    case = SimpleNamespace(
        maps={"probability": probability}, flows=flows, diameter=20.0
    )
    assert tune_thresholds([(truth, case)])["probability_threshold"] in (0.55, 0.6)


def test_another_configuration_does_not_resume(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "w.safetensors"
    train(*sets(data), output, replace(SMALL, epochs=1))
    with pytest.raises(DataError, match="other settings"):
        train(*sets(data), output, replace(SMALL, epochs=1, seed=5))


def test_a_training_on_other_images_does_not_resume(data: Path, tmp_path: Path) -> None:
    output, config = tmp_path / "w.safetensors", replace(SMALL, epochs=1)
    train(*sets(data), output, config)
    before = output.read_bytes()
    picture = data / "images" / "0.png"
    Image.fromarray(255 - np.asarray(Image.open(picture))).save(picture)
    with pytest.raises(DataError, match="with other training images"):
        train(*sets(data), output, config)
    with pytest.raises(DataError, match="with other .* weights to begin with"):
        train(*sets(data), output, config, start_from="dsb18")
    assert output.read_bytes() == before


def test_files_of_another_origin_are_not_written_over(
    data: Path, tmp_path: Path
) -> None:
    output, config = tmp_path / "w.safetensors", replace(SMALL, epochs=1)
    for ending in (".safetensors", ".json", ".csv"):
        other = output.with_suffix(ending)
        other.write_text("mine")
        with pytest.raises(DataError, match="is there already"):
            train(*sets(data), output, config)
        assert other.read_text() == "mine"
        other.unlink()


def test_foreground_loss_is_the_published_one() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 5, 6, generator=rng)
    target = (torch.rand(2, 1, 5, 6, generator=rng) > 0.6).float()
    p = torch.sigmoid(logits)
    entropy = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
    overlap, total = (p * target).sum(), p.sum() + target.sum()
    expected = 0.5 * entropy + 0.5 * (1 - (2 * overlap + 1) / (total + 1))
    torch.testing.assert_close(bce_dice(logits, target), expected)


def test_a_loss_that_is_not_finite_stops_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napari_pmrnet.training.trainer.total_loss",
        lambda *_: (torch.tensor(float("nan"), requires_grad=True), {}),
    )
    with pytest.raises(FloatingPointError, match="learning rate"):
        train(*sets(data), tmp_path / "w.safetensors", SMALL)


def ideal_output(target: torch.Tensor, sharpness: float) -> PMRNetOutput:
    """Logits that say the target, more surely with sharpness."""
    inner = target[:, :3].clamp(1e-6, 1 - 1e-6)
    logits = torch.cat([sharpness * torch.logit(inner), target[:, 3:]], dim=1)
    gate = (0.5 + (target[:, 1:2] - 0.5) * min(1.0, sharpness)).clamp(0, 1)
    return PMRNetOutput(logits, None, Gates(gate, None, None, None))


def test_every_loss_term_falls_towards_the_target() -> None:
    torch.manual_seed(0)
    target = torch.rand(2, 5, 16, 16)
    target[:, :2] = (target[:, :2] > 0.5).float()
    good, good_terms = total_loss(
        ideal_output(target, 1.0), target, CHANNELS, LossWeights()
    )
    poor, poor_terms = total_loss(
        ideal_output(1 - target, 1.0), target, CHANNELS, LossWeights()
    )
    assert set(good_terms) == {"foreground", "border", "distance", "flows", "gate"}
    assert float(good) < 0.01 < float(poor)
    for name, value in good_terms.items():
        assert value < 0.01 < poor_terms[name], name


def test_the_published_network_has_the_published_loss() -> None:
    target = torch.zeros(1, 5, 8, 8)
    output = PMRNetOutput(torch.zeros(1, 1, 8, 8))
    loss, terms = total_loss(output, target, ("probability",), LossWeights())
    assert set(terms) == {"foreground"}
    expected = 0.5 * np.log(2) + 0.5 * (1 - 1 / (32 + 1))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


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


def test_a_compiled_network_learns_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(SMALL, epochs=1, finish_epochs=0)
    plain, compiled = tmp_path / "plain.safetensors", tmp_path / "fused.safetensors"
    train(*sets(data), plain, config)
    seen = []

    def without_compiler(network: torch.nn.Module, **how: object) -> torch.nn.Module:
        seen.append(how)
        return torch.nn.Sequential(network)[0]

    monkeypatch.setattr(torch, "compile", without_compiler)
    train(*sets(data), compiled, config, compiled=True)
    assert seen == [{"dynamic": False, "mode": "reduce-overhead"}]
    expected, actual = load_file(plain), load_file(compiled)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, msg=name)


def test_beside_a_gpu_several_threads_cut_batches_in_order(tmp_path: Path) -> None:
    class Numbers:
        samples = range(20)

        def batch(self, step: int, count: int, size: int) -> tuple[int, int]:
            time.sleep(0.02 * (step % 3 == 0))
            return step, size

    trainer = Trainer(SMALL, Numbers(), [], tmp_path / "none.ckpt")
    for device, count in (("cpu", 1), ("cuda:0", min(MOST_HELPERS, os.cpu_count()))):
        with _Helpers(device) as pool:
            assert pool.count == count
            batches = list(trainer._batches(pool, first=7, count=12))
        assert batches == [(step, SMALL.crop_size) for step in range(7, 19)]


def test_training_leaves_later_threads_as_many_cores(
    data: Path, tmp_path: Path
) -> None:
    def threads() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before = threads()
    config = replace(SMALL, epochs=1, finish_epochs=0)
    source = training_data(*sets(data), config=config)
    make_trainer(source, config, tmp_path / "w.ckpt", "cpu").run(lambda _: None)
    assert threads() == before
