"""Train without one modality at a time, test on that modality.

    python scripts/experiments/leave_one_out.py --data DIR --output DIR --epochs 20

The split table needs a column ``modality``. Beside each such run stands one that had
every modality, with the same recipe: that of `TrainConfig`, shortened. An epoch is as
many crops as there are images left, so without a common modality there are also fewer
steps; ``--equal-steps`` gives every run those of the one that had all. Test images are
scored as those of shipped weights, at the default thresholds.

Killed and started again, the script goes on where it stopped; runs whose ``.json`` are
there are not trained again. Give every data set an output folder of its own.
``leave-one-out-seed<N>.csv`` there holds one row a modality.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from lib.runs import kept_scores, train_run

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.report import markdown_table
from napari_pmrnet.evaluation.tables import instance_row
from napari_pmrnet.models.backends.devices import choose_device
from napari_pmrnet.research.networks import load_checkpoint
from napari_pmrnet.segmentation import Settings
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.train import make_trainer, training_data
from napari_pmrnet.training.trainer import Trainer

SCORES = ("AP0.5 per image", "AP0.5 pooled")


@dataclass(frozen=True)
class Run:
    """A training run without one modality, or with all, and its files.

    ``.ckpt`` and ``.csv`` are the trainer's, ``.<modality>.json`` hold the scores.
    """

    left_out: str | None
    config: TrainConfig
    output: Path

    @property
    def name(self) -> str:
        return "all" if self.left_out is None else f"without-{plain(self.left_out)}"

    def path(self, suffix: str) -> Path:
        """One of the run's files."""
        return self.output / f"{self.name}-seed{self.config.seed}{suffix}"

    def scores_of(self, modality: str) -> Path:
        """File with the scores on a modality."""
        return self.path(f".{plain(modality)}.json")

    def say(self, what: str) -> None:
        """A line of progress."""
        print(f"{self.name}: {what}", file=sys.stderr, flush=True)


def plain(modality: str) -> str:
    """A modality's name as part of a file's."""
    return re.sub(r"[^\w-]+", "-", modality)


def make_config(epochs: int, seed: int) -> TrainConfig:
    """The default recipe in fewer epochs."""
    return replace(TrainConfig().shortened(epochs), seed=seed)


def by_modality(dataset: PackedDataset, wanted: list[str]) -> dict[str, PackedDataset]:
    """The data set in parts, one for each modality wanted; all there are if none is.

    Raises
    ------
    DataError
        If there is no column ``modality``, or no image of one that is wanted.
    """
    if "modality" not in dataset.table:
        raise DataError(
            f"{dataset.split_file}: has no column modality. Add it: the imaging type "
            "of every image."
        )
    names, parts = dataset.table["modality"].dropna().astype(str), {}
    for modality in wanted or sorted(set(names)):
        part = parts[modality] = copy(dataset)
        part.table = dataset.table.loc[names.index[names == modality]]
        if part.table.empty:
            raise DataError(
                f"{dataset.split_file}: no test image has the modality '{modality}'. "
                f"Choose among: {', '.join(sorted(set(names)))}."
            )
    return parts


def train(run: Run, folder: Path, modalities: Sequence[str], device: str) -> None:
    """Train a run, unless it was trained or its scores are there."""
    checkpoint = run.path(".ckpt")

    def make() -> Trainer:
        opened = PackedDataset(folder, subset=("train", "val"), without=run.left_out)
        data = training_data(opened.only("train"), opened.only("val"))
        return make_trainer(data, run.config, checkpoint, device)

    scored = [run.scores_of(modality) for modality in modalities]
    train_run(run.config, checkpoint, scored, make, run.say)


def scores(
    run: Run, modality: str, dataset: PackedDataset, device: str
) -> dict[str, float]:
    """`SCORES` of a trained run on one modality, kept in a file."""
    checkpoint = run.path(".ckpt")

    def score() -> dict[str, float]:
        run.say(f"scoring {len(dataset)} images of {modality}")
        model = load_checkpoint(checkpoint, device)
        every = instance_row(evaluate(model, dataset, Settings()))
        return {name: float(every[name]) for name in SCORES}

    return kept_scores(run.scores_of(modality), run.config, score)


def compare(
    images: dict[str, int],
    left_out: dict[str, dict[str, float]],
    trained_on: dict[str, dict[str, float]],
) -> pd.DataFrame:
    """One row a modality: each of `SCORES` left out, trained on, and their ratio.

    Parameters
    ----------
    images : dict of int
        Test images of each modality.
    left_out, trained_on : dict of dict
        Of `scores`, by modality.
    """
    table = pd.DataFrame({"test images": images})
    without, with_it = pd.DataFrame(left_out).T, pd.DataFrame(trained_on).T
    for name in SCORES:
        table[f"{name}, left out"] = without[name]
        table[f"{name}, trained on"] = with_it[name]
        table[f"{name}, ratio"] = without[name] / with_it[name]
    return table.rename_axis("modality")


def main() -> None:
    """Train and score every run; write one row a modality, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--modalities", nargs="+", default=[], help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--equal-steps",
        action="store_true",
        help="as many steps without a modality as with it",
    )
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    keep_freed_memory()
    device = str(choose_device(arguments.device))
    parts = by_modality(
        PackedDataset(arguments.data, subset="test"), arguments.modalities
    )
    arguments.output.mkdir(parents=True, exist_ok=True)
    config = make_config(arguments.epochs, arguments.seed)
    images, left_out, trained_on = {}, {}, {}
    reference = Run(None, config, arguments.output)
    train(reference, arguments.data, [*parts], device)
    without = config
    if arguments.equal_steps:
        every = PackedDataset(arguments.data, subset="train")
        without = replace(config, steps_per_epoch=config.steps_for(len(every)))
    for modality, dataset in parts.items():
        run = Run(modality, without, arguments.output)
        train(run, arguments.data, [modality], device)
        images[modality] = len(dataset)
        left_out[modality] = scores(run, modality, dataset, device)
        trained_on[modality] = scores(reference, modality, dataset, device)
        table = compare(images, left_out, trained_on)
        name = f"leave-one-out-seed{arguments.seed}.csv"
        table.round(6).to_csv(arguments.output / name)
    print(markdown_table(table))


if __name__ == "__main__":
    main()
