"""A whole training run: the card it writes, what it begins with, how it goes on."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_training import SMALL, sets

from napari_pmrnet.errors import DataError
from napari_pmrnet.models import load_model
from napari_pmrnet.segmentation.objects import PIXEL_FEATURES
from napari_pmrnet.training.calibrate import THRESHOLD_GRID
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.train import train
from napari_pmrnet.training.trainer import EpochReport


class Killed(Exception):
    """Stands for a process that is killed after an epoch."""


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_run_that_starts_from_a_model_names_it(data: Path, tmp_path: Path) -> None:
    slow = replace(SMALL, epochs=1, finish_epochs=0, learning_rate=1e-9)
    output = tmp_path / "w.safetensors"
    card = train(*sets(data), output, slow, start_from="nuclei")
    parent = load_model("nuclei", "cpu")
    assert card.parent == parent.card.sha256
    kernels = load_model(output, "cpu").network.state_dict()
    name = "head.2.weight"
    torch.testing.assert_close(kernels[name], parent.network.state_dict()[name])


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
        train(*sets(data), output, config, start_from="nuclei")
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


@pytest.mark.parametrize("ending", [".safetensors", ".json"])
def test_files_that_come_during_the_training_stay(
    data: Path, tmp_path: Path, quick_epochs: None, ending: str
) -> None:
    output = tmp_path / "w.safetensors"
    other = output.with_suffix(ending)
    with pytest.raises(
        DataError, match=r"exists already.* move that away\. .* kept in .*w\.ckpt"
    ):
        train(*sets(data), output, SMALL, report=lambda _: other.write_text("mine"))
    assert other.read_text() == "mine"
    with pytest.raises(DataError, match=r"did not come of .* w\.ckpt"):
        train(*sets(data), output, SMALL)
    other.rename(tmp_path / "theirs")
    seen: list[int] = []
    card = train(*sets(data), output, SMALL, report=lambda r: seen.append(r.epoch))
    assert not seen and load_model(output, "cpu").card == card


def test_a_checkpoint_that_somebody_replaced_stays_and_the_training_too(
    data: Path, tmp_path: Path, quick_epochs: None
) -> None:
    output = tmp_path / "w.safetensors"
    checkpoint, seen = output.with_suffix(".ckpt"), []
    with pytest.raises(DataError, match=r"another program.* kept in .*w-2\.ckpt"):
        train(
            *sets(data), output, SMALL, report=lambda _: checkpoint.write_text("mine")
        )
    assert checkpoint.read_text() == "mine" and not output.exists()
    further = tmp_path / "w-2.safetensors"
    train(*sets(data), further, SMALL, report=lambda r: seen.append(r.epoch))
    assert seen == [3] and further.exists()


def test_a_checkpoint_with_another_time_is_still_that_of_the_training(
    data: Path, tmp_path: Path, quick_epochs: None
) -> None:
    """As drives with coarser times and restored backups have it."""
    output = tmp_path / "w.safetensors"

    def report(_: EpochReport) -> None:
        os.utime(output.with_suffix(".ckpt"), (1e9, 1e9))

    train(*sets(data), output, SMALL, report=report)
    assert output.exists()


def test_a_log_that_cannot_be_written_ends_no_training(
    data: Path,
    tmp_path: Path,
    quick_epochs: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("napari_pmrnet.training.trainer.add_line", refuse)
    output = tmp_path / "w.safetensors"
    train(*sets(data), output, SMALL)
    assert output.exists()
    assert "w.csv: cannot be written (Permission denied), so epoch 3" in caplog.text


def test_a_table_in_the_place_of_the_log_stays(
    data: Path, tmp_path: Path, quick_epochs: None, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "w.safetensors"
    log = output.with_suffix(".csv")

    def put(report: EpochReport) -> None:
        if report.epoch == 1:
            log.write_text("plate,well\n")

    train(*sets(data), output, SMALL, report=put)
    assert log.read_text() == "plate,well\n" and output.exists()
    assert "no log of a training" in caplog.text


def test_what_came_of_a_training_before_is_replaced(
    data: Path, tmp_path: Path, quick_epochs: None
) -> None:
    """Also of a training that was begun before what it wrote was noted."""
    output = tmp_path / "w.safetensors"
    config = replace(SMALL, epochs=1, finish_epochs=0)
    train(*sets(data), output, config)
    before, checkpoint = output.read_bytes(), output.with_suffix(".ckpt")
    train(*sets(data), output, replace(config, cycles=2))
    assert output.read_bytes() != before
    state = torch.load(checkpoint, weights_only=True)
    del state["written"]
    torch.save(state, checkpoint)
    train(*sets(data), output, replace(config, cycles=3))
    assert load_model(output, "cpu").card.training["cycles"] == 3


def test_weights_have_their_own_ending(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"end in \.safetensors"):
        train(*sets(data), tmp_path / "w.ckpt", SMALL)
