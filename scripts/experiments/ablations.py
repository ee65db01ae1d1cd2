r"""Train PMRNet, PMRNet without each of its parts, and baselines; compare them.

    python scripts/experiments/ablations.py --data DIR --output DIR --epochs 20 \
        --seeds 2

Every run has the recipe of `TrainConfig`, shortened, and is scored as shipped weights
are, at the default thresholds. Killed and started again, the script goes on where it
stopped; a run whose ``.json`` is in the output folder is not trained again, though its
checkpoint is gone. ``runs.csv`` there holds one row a run.
"""

from __future__ import annotations

import argparse
import sys
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lib.runs import kept_scores, train_run
from torch.utils.flop_counter import FlopCounterMode

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.report import markdown_table
from napari_pmrnet.evaluation.tables import instance_row, semantic_row
from napari_pmrnet.models.backends.devices import choose_device
from napari_pmrnet.research.networks import build_network, load_checkpoint
from napari_pmrnet.segmentation import Settings
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.train import TrainingData, make_trainer, training_data
from napari_pmrnet.training.trainer import Trainer

VARIANTS = {
    "all parts": {},
    "no ESConv": {"without": ("esconv",)},
    "no memory bank": {"without": ("memory_bank",)},
    "no PGRF": {"without": ("pgrf",)},
    "no boundary fusion": {"without": ("boundary_fusion",)},
    "U-Net": {"network": "unet"},
    "U-Net++": {"network": "unetplusplus"},
    "Attention U-Net": {"network": "attention_unet"},
}
DEFAULT = ("all parts", *(name for name in VARIANTS if name.startswith("no ")), "U-Net")
COLUMNS = {
    "parameters": "{:,.0f}",
    "GMACs": "{:.2f}",
    "thop G": "{:.2f}",
    "CPU ms": "{:.0f}",
    "GPU ms": "{:.1f}",
    "IoU": "{:.4f}",
    "Dice": "{:.4f}",
    "HD95": "{:.2f}",
    "HD95 median": "{:.2f}",
    "ASD": "{:.2f}",
    "SE": "{:.4f}",
    "PC": "{:.4f}",
    "SP": "{:.4f}",
    "ACC": "{:.4f}",
    "AP0.5 per image": "{:.3f}",
    "AP0.5 pooled": "{:.3f}",
    "AP0.75 per image": "{:.3f}",
    "AP0.75 pooled": "{:.3f}",
    "s an epoch": "{:.0f}",
}

packed = cache(PackedDataset)


@dataclass(frozen=True)
class Run:
    """One variant with one seed, and its files.

    ``.ckpt`` and ``.csv`` are the trainer's, ``.json`` holds the scores.
    """

    variant: str
    config: TrainConfig
    output: Path

    def path(self, suffix: str) -> Path:
        """One of the run's files."""
        name = self.variant.lower().replace(" ", "-")
        return self.output / f"{name}-seed{self.config.seed}{suffix}"


@cache
def prepared(folder: Path) -> TrainingData:
    """Training and validation images of a packed data set."""
    return training_data(packed(folder, subset="train"), packed(folder, subset="val"))


def make_config(variant: str, epochs: int, seed: int) -> TrainConfig:
    """The default recipe in fewer epochs, for one variant."""
    return replace(TrainConfig().shortened(epochs), seed=seed, **VARIANTS[variant])


def train(run: Run, folder: Path, subset: str, device: str) -> None:
    """Train a run, unless it was trained or its scores are there."""
    checkpoint = run.path(".ckpt")

    def make() -> Trainer:
        data = prepared(folder)
        return make_trainer(data, run.config, checkpoint, device, build=build_network)

    scored = [run.path(f".{subset}.json")]
    train_run(run.config, checkpoint, scored, make, partial(say, run))


def say(run: Run, what: str) -> None:
    """A line of progress."""
    print(f"{run.variant}, seed {run.config.seed}: {what}", file=sys.stderr, flush=True)


def scores(run: Run, folder: Path, subset: str, device: str) -> dict[str, float]:
    """Scores of a trained run, kept until its configuration changes.

    Returns
    -------
    dict
        The numbers of `COLUMNS`.
    """
    checkpoint = run.path(".ckpt")

    def score() -> dict[str, float]:
        say(run, f"scoring on {subset}")
        model = load_checkpoint(checkpoint, device)
        found = evaluate(model, packed(folder, subset=subset), Settings())
        every = {**cost(run), **semantic_row(found), **instance_row(found)}
        return {name: float(every[name]) for name in COLUMNS}

    return kept_scores(run.path(f".{subset}.json"), run.config, score)


def cost(run: Run) -> dict[str, float]:
    """Parameters, operations, times at 256 x 256 and mean seconds an epoch of a run.

    NaN where there is no GPU, or thop is not installed.
    """
    network = build_network(run.config).eval()
    image = torch.zeros(1, 3, 256, 256)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    row = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "GMACs": counter.get_total_flops() / 2e9,
        "thop G": thop_count(network, image),
        "s an epoch": pd.read_csv(run.path(".csv"))["seconds"].mean(),
        "CPU ms": time_of(network, image, "cpu"),
        "GPU ms": np.nan,
    }
    if torch.cuda.is_available():
        row["GPU ms"] = time_of(network, image, "cuda")
    return row


def thop_count(network: torch.nn.Module, image: torch.Tensor) -> float:
    """Billions of operations as thop counts them."""
    try:
        from thop import profile
    except ModuleNotFoundError:
        return np.nan
    return profile(deepcopy(network), (image,), verbose=False)[0] / 1e9


@torch.inference_mode()
def time_of(network: torch.nn.Module, image: torch.Tensor, device: str) -> float:
    """Median milliseconds of a window, float32, eager, channels_last."""
    options = {"device": device, "memory_format": torch.channels_last}
    network, image = network.to(**options), image.to(**options)
    spent = []
    for _ in range(9):
        started = time.perf_counter()
        network(image)
        if device == "cuda":
            torch.cuda.synchronize()
        spent.append(1000 * (time.perf_counter() - started))
    return float(np.median(spent[2:]))


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a variant: means over the seeds, with the least and the most.

    Parameters
    ----------
    runs : DataFrame
        One row a run: ``variant``, ``seed`` and `COLUMNS`.
    """
    return pd.DataFrame(
        {
            variant: {
                name: spread(rows[name].to_numpy(), form)
                for name, form in COLUMNS.items()
            }
            for variant, rows in runs.groupby("variant", sort=False)
        }
    ).T.rename_axis("variant")


def spread(values: np.ndarray, form: str) -> str:
    """``mean (least-most)``; the mean alone where all are the same; nothing for NaN."""
    if np.isnan(values).any():
        return ""
    mean, *ends = (form.format(v) for v in (values.mean(), values.min(), values.max()))
    return mean if values.min() == values.max() else f"{mean} ({'-'.join(ends)})"


def main() -> None:
    """Train and score every run; write one row each, print the table of variants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2, help="how many, from 0 on")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=DEFAULT)
    parser.add_argument("--subset", default="val")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    keep_freed_memory()
    device = str(choose_device(arguments.device))
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(arguments.seeds):
        for variant in arguments.variants:
            config = make_config(variant, arguments.epochs, seed)
            run = Run(variant, config, arguments.output)
            train(run, arguments.data, arguments.subset, device)
            row = scores(run, arguments.data, arguments.subset, device)
            rows.append({"variant": variant, "seed": seed, **row})
            table = pd.DataFrame(rows)
            table.round(6).to_csv(arguments.output / "runs.csv", index=False)
    print(markdown_table(summary(table)))


if __name__ == "__main__":
    main()
