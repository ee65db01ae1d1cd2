"""What scripts of many training runs share: what is done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

from napari_pmrnet.io.atomic import replace_file
from napari_pmrnet.training.config import TrainConfig


def is_finished(checkpoint: Path, config: TrainConfig) -> bool:
    """Whether a checkpoint holds the last epoch of this very configuration."""
    if not checkpoint.exists():
        return False
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    same = state["config"] == config.as_dict()
    return same and state["epoch"] >= config.total_epochs


def kept_scores(
    path: Path, checkpoint: Path, score: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """Scores of a checkpoint, kept in a file until the checkpoint is newer.

    Parameters
    ----------
    path : Path
        JSON file; deleted, it is made again.
    checkpoint : Path
    score : callable
        Gives the scores where there are none yet.
    """
    if path.exists() and path.stat().st_mtime >= checkpoint.stat().st_mtime:
        return json.loads(path.read_text())
    row = score()
    text = json.dumps(row, indent=2) + "\n"
    replace_file(path, lambda stream: stream.write(text.encode()))
    return row
