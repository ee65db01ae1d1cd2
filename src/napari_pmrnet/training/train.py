"""A whole training run: opened data sets in, weights and model card out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.datasets.joined import WEIGHT
from napari_pmrnet.datasets.table import MODALITY, SPECKS
from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.evaluate import evaluate
from napari_pmrnet.evaluation.tables import rows_of
from napari_pmrnet.io.alone import alone
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.models.card import (
    ModelCard,
    card_path,
    new_card,
    write_card,
    write_model,
)
from napari_pmrnet.models.label_kind import LabelKind, class_channels_in
from napari_pmrnet.models.library import check_weights_name
from napari_pmrnet.models.model import Model, load_model
from napari_pmrnet.models.weights import model_files
from napari_pmrnet.segmentation import Settings
from napari_pmrnet.training.augment import Sample
from napari_pmrnet.training.calibrate import (
    fit_certainties,
    fit_pixels,
    prune_channels,
    segment_all,
    tune_foreground,
    tune_thresholds,
    used_channels,
    with_certainties,
)
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import (
    CropSource,
    make_sample,
    make_samples,
    make_whole_sample,
    sampling_weights,
    without_specks,
)
from napari_pmrnet.training.networks import Build, build_pmrnet
from napari_pmrnet.training.trainer import EpochReport, Trainer
from napari_pmrnet.training.validation import (
    Pairs,
    validation_pair,
    whole_validation_pair,
)


def train(
    train_set: OpenedDataset,
    val_set: OpenedDataset,
    output: Path,
    config: TrainConfig | None = None,
    *,
    device: str = "cpu",
    start_from: str | Path | None = None,
    compiled: bool = False,
    report: Callable[[EpochReport], None] = lambda _: None,
    preparing: Callable[[int, int], None] | None = None,
    fitting: Callable[[int, int], None] | None = None,
) -> ModelCard:
    """Train PMRNet on one data set and keep the best epoch on another.

    Parameters
    ----------
    train_set, val_set : OpenedDataset
        Images to learn from, and images that choose the epoch and the thresholds.
    output : Path
        Weights (``.safetensors``) to write; the model card goes beside it as
        ``.json``, checkpoint and CSV log as ``.ckpt`` and ``.csv``. If the checkpoint
        exists, training goes on from it.
    config : TrainConfig, optional
        By default the recipe for the labels of `train_set`.
    device : str
        A torch device.
    start_from : str or Path, optional
        Model to begin with rather than random weights: a name or path that
        `load_model` knows. The card names its hash.
    compiled : bool
        Make the network faster with ``torch.compile``, see `Trainer`.
    report, preparing, fitting : callable
        Called after every epoch, for every image prepared, and for every validation
        image that thresholds and certainties are then fitted on.

    Returns
    -------
    ModelCard
        As written.

    Raises
    ------
    DataError
        If a data set is faulty, the checkpoint has other settings or is of other
        images, a file of another origin is in the place of what is written or comes
        there meanwhile, another process trains there, or the configuration names
        another network.
    """
    check_weights_name(output)
    checkpoint = output.with_suffix(".ckpt")
    kind = LabelKind.NUCLEI if train_set.instances else LabelKind.OBJECTS
    config = config or TrainConfig().for_labels(kind)
    parent = None if start_from is None else load_model(start_from, "cpu")
    with one_training(checkpoint):
        refuse_others_files(checkpoint, output, card_path(output))
        source = training_data(train_set, val_set, preparing, config)
        data = data_hashes(train_set, val_set, parent)
        trainer = make_trainer(
            source, config, checkpoint, device, parent, compiled, data=data
        )
        refuse_unknown_files(trainer, output, card_path(output))
        state = trainer.run(report)
        keep = used_channels(config.channels)
        published, left_out = train_set.published, train_set.left_out
        card = new_card(
            keep,
            **config.card_fields(),
            data={
                "name": train_set.name,
                **({"dataset": train_set.split_name} if published else {}),
                "sha256": data["training images"],
                "split": train_set.column,
                "images": {"train": len(train_set), "val": len(val_set)},
                **({} if left_out is None else {"left_out": left_out}),
            },
            training={**config.as_dict(), "torch": torch.__version__},
            **({} if parent is None else {"parent": parent.card.sha256}),
        )
        kept = prune_channels(state, config.channels, keep)
        content, card = model_files(output, kept, card)
        with handing_out(checkpoint):
            permit = trainer.permit(content, card.to_json())
            write_model(output, content, card, permit)

        def write(whole: ModelCard) -> None:
            with handing_out(checkpoint):
                write_card(output, whole, trainer.permit(whole.to_json()))

        return finish(output, val_set, fitting=fitting, write=write)


def one_training(checkpoint: Path) -> AbstractContextManager[None]:
    """Keep other processes from training into the same files; makes their folder."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    return alone(
        checkpoint,
        f"{checkpoint}: another program is training there. Wait until it ends, or name "
        "another output.",
    )


def data_hashes(
    train_set: OpenedDataset, val_set: OpenedDataset, parent: Model | None = None
) -> dict[str, str | None]:
    """Hashes by which a checkpoint knows again what it was trained on."""
    return {
        "training images": train_set.data_hash(),
        "validation images": val_set.data_hash(),
        "weights to begin with": None if parent is None else parent.card.sha256,
    }


def refuse_others_files(checkpoint: Path, *written: Path) -> None:
    """Refuse to write over files that are of no training that can be gone on with.

    Raises
    ------
    DataError
        If there is no checkpoint, but one of the files beside it.
    """
    if checkpoint.exists():
        return
    for path in (*written, checkpoint.with_suffix(".csv")):
        if path.exists():
            raise DataError(
                f"{path}: is there already, and not of a training that could be gone "
                "on with. Name another output, or move it away."
            )


def refuse_unknown_files(trainer: Trainer, *written: Path) -> None:
    """Refuse to go on where there are files that did not come of this training.

    Raises
    ------
    DataError
        If there is one. Of a training that a version has begun which noted none of
        them, those that are there are taken for its own.
    """
    there = [path for path in written if path.exists()]
    if trainer.written is None:
        trainer.written = {hash_of(path) for path in there}
    for path in there:
        if hash_of(path) not in trainer.written:
            raise DataError(
                f"{path}: did not come of the training that {trainer.checkpoint.name} "
                "is of, and would be replaced. Name another output, or move it away."
            )


@contextmanager
def handing_out(checkpoint: Path) -> Iterator[None]:
    """Say that a training is kept whose weights cannot take their place."""
    try:
        yield
    except DataError as error:
        raise DataError(
            f"{error} The training is done and kept in {checkpoint}: the same command "
            "writes its weights when the place is free. Under another name it would "
            "begin anew."
        ) from error


@dataclass(frozen=True)
class TrainingData:
    """Data that a trainer learns from, prepared once.

    Attributes
    ----------
    samples : list of Sample
    modalities : list of str
        Imaging type of each sample.
    weights : list of float
        How much more often each sample is drawn.
    validation : list
        Of `validation_pair`.
    """

    samples: list[Sample]
    modalities: list[str]
    weights: list[float]
    validation: Pairs


def training_data(
    train_set: OpenedDataset,
    val_set: OpenedDataset,
    preparing: Callable[[int, int], None] | None = None,
    config: TrainConfig | None = None,
) -> TrainingData:
    """Prepare the images of two data sets; `preparing` is called after each.

    Raises
    ------
    DataError
        If the labels do not tell apart what the configuration learns, or a label is of
        none of its classes.
    """
    config = config or TrainConfig()
    if config.labels is LabelKind.NUCLEI and not train_set.instances:
        raise DataError(
            f"{train_set.folder}: does not tell objects apart, so there are no nuclei "
            "to learn. Train on objects or classes: --labels, or "
            "TrainConfig.for_labels."
        )
    make, pair = make_sample, validation_pair
    if config.labels.sees_whole:
        side, most = config.crop_size, config.augmentation.scale_high
        make = partial(make_whole_sample, side=side, most=most)
        pair = partial(whole_validation_pair, side=side)
    check = _ClassCheck(config.classes)
    triples = _without_specks(check.through(train_set), train_set)
    samples = make_samples(triples, len(train_set), preparing, make)
    check.finish()
    modalities = _column(train_set, MODALITY, "all")
    weights = _column(train_set, WEIGHT, 1.0)
    validation = [pair(image, labels) for _, image, labels in check.through(val_set)]
    return TrainingData(samples, modalities, weights, validation)


def _without_specks(
    triples: Iterator[tuple[str, np.ndarray, np.ndarray]], dataset: OpenedDataset
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Images of a data set with their specks made unknown."""
    areas = _column(dataset, SPECKS, 0.0)
    for area, (image_id, image, labels) in zip(areas, triples, strict=True):
        yield image_id, image, without_specks(labels, area) if area > 0 else labels


def _column(dataset: OpenedDataset, name: str, default: Any) -> list[Any]:
    """A column of the table; the default where it is missing or empty."""
    table = dataset.table
    if name not in table:
        return [default] * len(table)
    return [default if pd.isna(value) else value for value in table[name]]


class _ClassCheck:
    """Refuses labels that are of no class, and classes that no image shows."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._seen: set[int] = set()

    def through(
        self, dataset: OpenedDataset
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """The images of a data set, whose labels are of a class each."""
        for image_id, image, labels in dataset:
            if self._classes:
                self._look(image_id, labels)
            yield image_id, image, labels

    def _look(self, image_id: str, labels: np.ndarray) -> None:
        found = set(np.unique(labels[labels > 0]).tolist())
        beyond = found - set(range(1, len(self._classes) + 1))
        if beyond:
            raise DataError(
                f"{image_id}: has the label {min(beyond)}, and there are "
                f"{len(self._classes)} classes ({', '.join(self._classes)}). Name all "
                "of them."
            )
        self._seen |= found

    def finish(self) -> None:
        """Refuse classes that no image has shown so far."""
        for number, name in enumerate(self._classes, start=1):
            if number not in self._seen:
                raise DataError(
                    f"no training image shows the class '{name}'. Leave it out, or "
                    "add images of it."
                )


def make_trainer(
    source: TrainingData,
    config: TrainConfig,
    checkpoint: Path,
    device: str,
    parent: Model | None = None,
    compiled: bool = False,
    build: Build = build_pmrnet,
    data: Mapping[str, str | None] | None = None,
) -> Trainer:
    """Make a trainer that draws crops as the configuration says; see `Trainer`."""
    areas = [sample.labels.numel() * sample.scale**2 for sample in source.samples]
    weights = sampling_weights(source.modalities, areas, config.balance, source.weights)
    crops = CropSource(
        source.samples,
        weights,
        config.augmentation,
        config.seed,
        len(class_channels_in(config.channels)),
        config.loss.touching,
    )
    return Trainer(
        config,
        crops,
        source.validation,
        checkpoint,
        device,
        parent,
        compiled,
        build,
        data or {},
    )


def finish(
    weights: Path,
    val_set: OpenedDataset,
    thresholds: dict[str, float] | None = None,
    fitting: Callable[[int, int], None] | None = None,
    write: Callable[[ModelCard], None] | None = None,
) -> ModelCard:
    """Fit thresholds and certainties on the validation images; add their scores.

    Parameters
    ----------
    weights : Path
        Weights with a card, as `train` leaves them.
    val_set : OpenedDataset
    thresholds : dict, optional
        Those to keep, rather than the best of a grid.
    fitting : callable, optional
        Called with every image segmented, and their number.
    write : callable, optional
        Writes the card; by default in the place of the one that is there.

    Returns
    -------
    ModelCard
        As written.
    """
    model = load_model(weights, "cpu")
    cases = segment_all(model, val_set, fitting)
    whole = model.card.label_kind.sees_whole
    if thresholds is None and whole:
        thresholds = tune_foreground(cases)
    elif thresholds is None:
        # Uncertain nuclei are dropped later: a threshold that only prevents them loses
        # right ones for nothing. So there have to be certainties first.
        thresholds = tune_thresholds(with_certainties(cases, fit_certainties(cases)))
    settings = Settings.from_dict(thresholds)
    if whole:
        fitted = {"certainty": fit_pixels(cases)}
    else:
        every = replace(settings, least_certainty=0)
        cases = [(truth, result.relabel(every)) for truth, result in cases]
        fitted = fit_certainties(cases)
    model = replace(model, card=model.card.updated(thresholds=thresholds, **fitted))
    scores = evaluate(model, val_set, settings)
    rows = rows_of(scores).values()
    val = {name: v for row in rows for name, v in row(scores).items()}
    val = {name: None if isnan(v) else round(v, 4) for name, v in val.items()}
    card = model.card.updated(val=val)
    if write is None:
        write_card(weights, card, overwrite=True)
    else:
        write(card)
    return card
