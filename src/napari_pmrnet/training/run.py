"""A whole training run: data set in, weights and model card out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import torch

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.semantic import protocol_pair
from napari_pmrnet.evaluation.tables import ROWS
from napari_pmrnet.pretrained.card import architecture, save_model, write_card
from napari_pmrnet.pretrained.model import load_model
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import CropSource, make_samples, sampling_weights
from napari_pmrnet.training.finish import (
    USED_CHANNELS,
    fit_certainty,
    fit_object_certainty,
    prune_channels,
)
from napari_pmrnet.training.fit import EpochReport, Trainer

FITS = {"certainty": fit_certainty, "object_certainty": fit_object_certainty}


def train(
    data: Path,
    split: Path | None,
    output: Path,
    config: TrainConfig | None = None,
    *,
    column: str = "split",
    device: str = "cpu",
    strict: bool = False,
    report: Callable[[EpochReport], None] = lambda _: None,
    preparing: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train on the ``train`` rows of a split and keep the best epoch on ``val``.

    Parameters
    ----------
    data : Path
        Folder with ``images/``, ``labels/`` and a split table.
    split : Path or None
        Split table; by default ``split.csv`` of the folder.
    output : Path
        Weights (``.safetensors``) to write; the model card goes beside it as
        ``.json``, checkpoint and CSV log as ``.ckpt`` and ``.csv``. If the checkpoint
        exists, training goes on from it.
    config : TrainConfig, optional
    column : str
        Column of the split table.
    device : str
        A torch device.
    strict : bool
        Stop at the first faulty file.
    report, preparing : callable
        Called after every epoch, and for every image prepared.

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    DataError
        If the data set is faulty, or the checkpoint has other settings.
    """
    config = config or TrainConfig()
    train_set = PackedDataset(data, split, column, "train", strict)
    val_set = PackedDataset(data, split, column, "val", strict)
    output.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(i, *train_set.load(i)) for i in train_set.ids]
    samples = make_samples(pairs, preparing)
    modalities = (
        train_set.table["modality"]
        if "modality" in train_set.table
        else ["all"] * len(samples)
    )
    areas = [sample.labels.numel() for sample in samples]
    weights = sampling_weights(list(modalities), areas, config.balance)
    validation = [protocol_pair(*val_set.load(i)) for i in val_set.ids]
    trainer = Trainer(
        config,
        CropSource(samples, weights, config.augmentation, config.seed),
        validation,
        output.with_suffix(".ckpt"),
        device,
    )
    state = trainer.run(report)
    keep = [name for name in config.channels if name in USED_CHANNELS]
    card = {
        "architecture": architecture(keep),
        "data": {
            "name": data.resolve().name,
            "sha256": train_set.data_hash(),
            "split": column,
            "images": {"train": len(train_set), "val": len(val_set)},
        },
        "training": {**config.as_dict(), "torch": torch.__version__},
    }
    save_model(output, prune_channels(state, config.channels, keep), card)
    return finish(output, val_set)


def finish(weights: Path, val_set: PackedDataset) -> dict[str, Any]:
    """Fit certainty on the validation images and add their scores to the card.

    Parameters
    ----------
    weights : Path
        Weights with a card, as `train` leaves them.
    val_set : PackedDataset

    Returns
    -------
    dict
        The card as written.
    """
    model = load_model(weights, "cpu")
    for name, fit in FITS.items():
        model = replace(model, card={**model.card, name: fit(model, val_set)})
    scores = evaluate(model, val_set)
    val = {name: v for row in ROWS.values() for name, v in row(scores).items()}
    val = {name: None if isnan(v) else round(v, 4) for name, v in val.items()}
    card = {**model.card, "val": val}
    write_card(weights, card)
    return card
