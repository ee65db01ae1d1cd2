r"""Train the published network by the published recipe, as far as it is known.

    python scripts/experiments/paper_protocol.py --data DIR --output DIR \
        --epochs 200 --seeds 3

Published: PMRNet with one output; images and masks resized to 256 x 256 before the
network; 0.5 BCE + 0.5 Dice; AdamW with a cosine from 1e-3; batches of 8; 200 epochs
without pre-training; the epoch with the best validation Dice; the median of 3 runs.

Not published, and so ours: the split (80:10:10 at random, the values train, val and
test of the column ``random_split``), the augmentation (flips and rotations by 90
degrees only), the weight decay (1e-2), a warm-up of a hundredth of the run, gradients
clipped at 5, bfloat16 where it is fast. ``--network unet`` trains a U-Net by the same
protocol. Without a GPU, ``--epochs 40`` runs the same schedule in a fifth of the time.

Killed and started again, the script goes on where it stopped; give every data set an
output folder of its own. ``<network>-<column>.csv`` there holds one row a run. Delete
the ``.json`` of a run to score it again.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lib.runs import kept_scores, train_run
from torch import Tensor

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.report import markdown_table
from napari_pmrnet.evaluation.semantic import (
    PROTOCOL_SIZE,
    protocol_pair,
    semantic_scores,
)
from napari_pmrnet.models.backends.devices import choose_device
from napari_pmrnet.models.model import Model
from napari_pmrnet.research.networks import PARTS, build_network, load_checkpoint
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.loss import LossWeights
from napari_pmrnet.training.targets import assemble
from napari_pmrnet.training.trainer import Trainer
from napari_pmrnet.training.validation import Pairs

PUBLISHED = {
    "PMRNet, published": {"IoU": 86.87, "Dice": 92.74, "HD95": 3.36},
    "TransUNet, published": {"IoU": 86.25, "Dice": 92.26, "HD95": 3.40},
    "UNet, published": {"IoU": 85.83, "Dice": 92.07, "HD95": 3.68},
}
DISTANCES = ("HD95", "ASD")
SUBSETS = ("train", "val", "test")


@dataclass
class TurnedSource:
    """Draws whole images, turned and mirrored; the same seed and step, the same batch.

    Every image is drawn once before any is drawn again.

    Parameters
    ----------
    samples : list of (Tensor, ndarray of bool)
        Images (3, S, S) and foreground (S, S), of `protocol_pair`.
    seed : int
    """

    samples: Pairs
    seed: int

    def batch(self, step: int, batch_size: int, size: int) -> tuple[Tensor, Tensor]:
        """Images (B, 3, S, S) and targets (B, 5, S, S), whatever the `size`."""
        rng = np.random.default_rng((self.seed, step))
        places = range(step * batch_size, (step + 1) * batch_size)
        drawn = torch.stack([turned(*self._sample(place), rng) for place in places])
        images, masks = drawn.split((3, 1), dim=1)
        nothing = torch.zeros_like(masks)
        return images, assemble(masks, nothing, nothing.repeat(1, 2, 1, 1))

    def _sample(self, place: int) -> tuple[Tensor, np.ndarray]:
        """The sample at a place of the endless row of shuffled data sets."""
        shuffle, index = divmod(place, len(self.samples))
        rng = np.random.default_rng((self.seed, shuffle, 1))
        return self.samples[rng.permutation(len(self.samples))[index]]


def turned(image: Tensor, mask: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Image and mask in one of their eight orientations.

    Shapes: (3, S, S), (S, S) -> (4, S, S).
    """
    both = torch.cat([image, torch.from_numpy(mask)[None].float()])
    both = torch.rot90(both, int(rng.integers(4)), (1, 2))
    return both.flip(2) if rng.random() < 0.5 else both


def make_config(network: str, epochs: int, seed: int) -> TrainConfig:
    """The published recipe: no average of the weights, one size, foreground only."""
    return TrainConfig(
        epochs=epochs,
        batch_size=8,
        crop_size=PROTOCOL_SIZE,
        finish_epochs=0,
        learning_rate=1e-3,
        weight_decay=1e-2,
        warm_up=0.01,
        ema_decay=0.0,
        seed=seed,
        validate_every=2,
        network=network,
        channels=("probability",),
        loss=LossWeights(border=0.0, distance=0.0, flows=0.0, gate=0.0),
    )


def load_pairs(folder: Path, column: str) -> dict[str, Pairs]:
    """The `protocol_pair` of every image, by subset."""
    opened = PackedDataset(folder, column=column, subset=SUBSETS)
    sets = {subset: opened.only(subset) for subset in SUBSETS}
    return {
        subset: [protocol_pair(*dataset.load(i)) for i in dataset.ids]
        for subset, dataset in sets.items()
    }


def train(
    config: TrainConfig,
    pairs: dict[str, Pairs],
    checkpoint: Path,
    device: str,
    compiled: bool = False,
) -> None:
    """Train a run, unless it was trained or its scores are there."""

    def make() -> Trainer:
        source = TurnedSource(pairs["train"], config.seed)
        return Trainer(
            config,
            source,
            pairs["val"],
            checkpoint,
            device,
            compiled=compiled,
            build=build_network,
        )

    def say(what: str) -> None:
        print(f"{checkpoint.stem}: {what}", file=sys.stderr, flush=True)

    train_run(config, checkpoint, [checkpoint.with_suffix(".json")], make, say)


def scores(
    config: TrainConfig, checkpoint: Path, pairs: Pairs, device: str
) -> dict[str, float]:
    """Scores at the best epoch, kept in a file.

    Returns
    -------
    dict
        Means over the images of `semantic_scores`, ratios in per cent, and the medians
        of the distances.
    """

    def score() -> dict[str, float]:
        model = load_checkpoint(checkpoint, device)
        frame = pd.DataFrame(
            [semantic_scores(foreground(model, image), mask) for image, mask in pairs]
        )
        row = {}
        for name, values in frame.items():
            row[name] = float(values.mean() * (1 if name in DISTANCES else 100))
            if name in DISTANCES:
                row[f"{name} median"] = float(values.median())
        return row

    return kept_scores(checkpoint.with_suffix(".json"), config, score)


@torch.inference_mode()
def foreground(model: Model, image: Tensor) -> np.ndarray:
    """Pixels with a probability above one half: (3, S, S) -> (S, S) bool."""
    batch = image[None].to(model.device, memory_format=torch.channels_last)
    logits = model.network(batch).logits[0, 0].float()
    return (torch.sigmoid(logits) > 0.5).cpu().numpy()


def summary(runs: pd.DataFrame, network: str) -> pd.DataFrame:
    """The runs, their median and the published figures, as text.

    Parameters
    ----------
    runs : DataFrame
        One row of `scores` a run, indexed by seed.
    network : str
    """
    rows = {f"{network}, seed {seed}": row for seed, row in runs.iterrows()}
    rows[f"{network}, median of {len(runs)}"] = runs.median()
    table = pd.DataFrame({**rows, **PUBLISHED}).T[[*runs.columns]]
    texts = table.apply(lambda column: ["" if isnan(v) else f"{v:.2f}" for v in column])
    return texts.rename_axis("test images")


def main() -> None:
    """Train and score every run; write one row each, print them beside the paper's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--column", default="random_split")
    parser.add_argument("--network", choices=PARTS, default="pmrnet")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true", help="for a GPU")
    arguments = parser.parse_args()
    keep_freed_memory()
    device = str(choose_device(arguments.device))
    arguments.output.mkdir(parents=True, exist_ok=True)
    pairs = load_pairs(arguments.data, arguments.column)
    rows, name = {}, f"{arguments.network}-{arguments.column}"
    for seed in range(arguments.seeds):
        config = make_config(arguments.network, arguments.epochs, seed)
        checkpoint = arguments.output / f"{name}-seed{seed}.ckpt"
        train(config, pairs, checkpoint, device, arguments.compile)
        rows[seed] = scores(config, checkpoint, pairs["test"], device)
        runs = pd.DataFrame(rows).T.rename_axis("seed")
        runs.round(6).to_csv(arguments.output / f"{name}.csv")
    print(markdown_table(summary(runs, arguments.network)))


if __name__ == "__main__":
    main()
