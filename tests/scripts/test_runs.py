"""Which runs of an experiment are done."""

from dataclasses import replace
from pathlib import Path

import torch
from lib.runs import is_trained

from napari_pmrnet.training.config import TrainConfig


def test_a_run_from_before_there_were_classes_counts_as_done(tmp_path: Path) -> None:
    config = TrainConfig(epochs=3)
    older = config.as_dict()
    for name in ("labels", "classes"):
        del older[name]
    del older["loss"]["classes"]
    torch.save({"config": older, "epoch": 3}, tmp_path / "w.ckpt")
    assert is_trained(config, tmp_path / "w.ckpt")
    assert not is_trained(replace(config, seed=1), tmp_path / "w.ckpt")
