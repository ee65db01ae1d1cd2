"""Trainings that are killed at any moment, and two into one file."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from crashes import at_once, forks, killed
from safetensors.torch import load_file
from small_training import SMALL, sets

from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.models.card import (
    ModelCard,
    read_card,
    read_verified,
    write_card,
)
from napari_pmrnet.training import train as module
from napari_pmrnet.training.train import train

CONFIG = replace(SMALL, epochs=2, finish_epochs=1)
ENDINGS = {".safetensors", ".json", ".ckpt", ".csv"}


@forks
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_killed_trainings(
    data: Path, tmp_path: Path, quick_epochs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(weights: Path, _: object, **__: object) -> ModelCard:
        card = read_card(weights).updated(thresholds={"seed_threshold": 0.25})
        write_card(weights, card, overwrite=True)
        return card

    monkeypatch.setattr(module, "finish", finish)
    torch.set_num_threads(1)
    whole = tmp_path / "whole.safetensors"
    started = time.monotonic()
    train(*sets(data), whole, CONFIG)
    seconds, expected = time.monotonic() - started, load_file(whole)
    card = read_verified(whole)[1].updated(name="")
    before, folder = hash_of(data), tmp_path / "out"
    output, ends = folder / "w.safetensors", tmp_path / "ends"
    ends.mkdir()
    gone = tmp_path / "gone"

    def check() -> None:
        for name, tensor in load_file(output).items():
            torch.testing.assert_close(tensor, expected[name], msg=name)

    def trainings() -> None:
        """Begin a training, or go on; then the next one."""
        while True:
            shutil.rmtree(gone, ignore_errors=True)
            assert train(*sets(data), output, CONFIG).thresholds == card.thresholds
            read_verified(output)
            check()
            (ends / str(time.time())).touch()
            folder.rename(gone)

    seen, written = 0, {f"w{ending}" for ending in ENDINGS}
    for _ in killed(trainings, 1.2 * seconds):
        names = {path.name for path in folder.glob("[!.]*")}
        # A killed process may leave the empty file of a lock.
        assert {name.removesuffix(".lock") for name in names} <= written
        if output.exists():
            read_verified(output)
            check()
            seen += 1
        if (folder / "w.csv").exists():
            log = (folder / "w.csv").read_bytes()
            assert not log or log.endswith(b"\n")
        assert hash_of(data) == before
    assert len(list(ends.iterdir())) > 10 and seen
    train(*sets(data), output, CONFIG)
    check()
    assert {p.name for p in folder.glob("[!.]*")} == {f"w{e}" for e in ENDINGS}
    assert pd.read_csv(folder / "w.csv")["epoch"].max() == 2


@forks
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_two_trainings_into_one_file(data: Path, tmp_path: Path, rounds: int) -> None:
    folder = tmp_path / "out"
    output = folder / "w.safetensors"
    for _ in range(rounds):
        told = at_once(*[lambda: train(*sets(data), output, CONFIG)] * 2)
        assert "" in told and "another program is training there" in "".join(told)
        read_verified(output)
        assert pd.read_csv(folder / "w.csv")["epoch"].tolist() == [1, 2]
        assert {p.name for p in folder.iterdir()} == {f"w{e}" for e in ENDINGS}
        shutil.rmtree(folder)
