"""Parts shared by scripts of many training runs: what is done is not done again.

Scores are kept apart from checkpoints, so that a run whose scores are known needs no
checkpoint any more: many runs can be shared out among machines, or over many days.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from napari_pmrnet.io.write import replace_file
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.trainer import EpochReport, Trainer


def train_run(
    config: TrainConfig,
    checkpoint: Path,
    scores: Sequence[Path],
    make: Callable[[], Trainer],
    say: Callable[[str], None],
) -> None:
    """Train a run to its last epoch, unless that or its scores are there.

    Parameters
    ----------
    config, checkpoint, scores
        As for `is_trained`.
    make : callable
        Makes the trainer.
    say : callable
        Told what is done, and how far it is.
    """
    if is_trained(config, checkpoint, scores):
        return

    def report(epoch: EpochReport) -> None:
        say(
            f"epoch {epoch.epoch}/{epoch.epochs}, {epoch.seconds:.1f} s an epoch, "
            f"{epoch.seconds_left / 60:.0f} min left, validation Dice {epoch.val_dice}"
        )

    say("training")
    make().run(report)


def is_trained(
    config: TrainConfig, checkpoint: Path, scores: Sequence[Path] = ()
) -> bool:
    """Tell whether nothing is left to train of a run.

    Parameters
    ----------
    config : TrainConfig
        Of the run.
    checkpoint : Path
        Where its last epoch would be.
    scores : sequence of Path
        Files of `kept_scores`: if all are there, no checkpoint is needed.
    """
    if scores and all(_known_scores(path, config) is not None for path in scores):
        return True
    if not checkpoint.exists():
        return False
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    same = TrainConfig.from_dict(state["config"]) == config
    return same and state["epoch"] >= config.total_epochs


def kept_scores(
    path: Path, config: TrainConfig, score: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """Scores of a run, kept in a file with its configuration.

    Parameters
    ----------
    path : Path
        JSON file; deleted, or of another configuration, it is made again.
    config : TrainConfig
    score : callable
        Gives the scores where there are none yet.
    """
    known = _known_scores(path, config)
    if known is not None:
        return known
    row = score()
    kept = {"config": config.as_dict(), "torch": torch.__version__, "scores": row}
    text = json.dumps(kept, indent=1) + "\n"
    replace_file(path, lambda stream: stream.write(text.encode()), True)
    return row


def _known_scores(path: Path, config: TrainConfig) -> dict[str, float] | None:
    """Scores that a file holds of a configuration."""
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    same = TrainConfig.from_dict(kept["config"]) == config
    return kept["scores"] if same else None
