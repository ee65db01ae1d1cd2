"""Training of a model on corrections, with means to keep what it knew before.

The statistics of every BatchNorm can stay as they were, generated nuclei be shown among
the crops, and the weights that come out lie between the model's own and those trained
(Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.job import TuneSettings
from napari_pmrnet.finetuning.running_time import RunningTime
from napari_pmrnet.models.backends.devices import channels_last
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.training.augment import Augmentation, Sample
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import CropSource, make_sample
from napari_pmrnet.training.loss import LossWeights, total_loss
from napari_pmrnet.training.trainer import EpochReport, Trainer, autocast

EPOCHS = 12
LEAST_STEPS = 3
MOST_STEPS = 60
LEAST_SECONDS = 30.0
OVER = 1.5
"""Times the time allowed, or `LEAST_SECONDS`, after which no epoch is begun."""
REPLAYED = 6
VALIDATION_CROPS = 16

_AS_THEY_ARE = Augmentation(
    **{f.name: 0.0 for f in fields(Augmentation)}
    | {"scale_low": 1.0, "scale_high": 1.0},
)


def training_config(
    settings: TuneSettings, channels: tuple[str, ...], steps_per_epoch: int
) -> TrainConfig:
    """The settings as the trainer wants them."""
    return TrainConfig(
        epochs=EPOCHS,
        batch_size=8,
        crop_size=settings.crop_size,
        finish_epochs=0,
        learning_rate=settings.learning_rate,
        weight_decay=0.0,
        warm_up=0.1,
        ema_decay=0.98,
        seed=settings.seed,
        validate_every=1,
        steps_per_epoch=steps_per_epoch,
        frozen_norm=settings.frozen_norm,
        channels=channels,
    )


@dataclass
class Tuner(Trainer):
    """A trainer that scores by its loss on crops that were held back.

    ``best_dice`` and an epoch's ``val_dice`` are minus that loss.
    """

    held_back: Sequence[tuple[Tensor, Tensor]] = field(default=(), kw_only=True)

    @torch.inference_mode()
    def _validate(self) -> float | None:
        if not self.held_back:
            self.best_state = self.state()
            return None
        network, losses = self.average.module, []
        for images, target in self.held_back:
            images = images.to(self.device, memory_format=torch.channels_last)
            loss, _ = total_loss(
                network(images, maps=True),
                target.to(self.device),
                self.config.channels,
                self.config.loss,
            )
            losses.append(float(loss))
        value = -float(np.mean(losses))
        if value >= self.best_dice or self.epoch == 0:
            self.best_dice, self.best_state = value, self.state()
        return value


class Tuned(NamedTuple):
    """Weights of the epoch with the least loss on what was held back.

    ``broke_at`` is the epoch in which the loss was no longer a number, if that ended
    the training; ``late_at`` the one after which there was no time for another.
    """

    state: dict[str, Tensor]
    broke_at: int | None = None
    late_at: int | None = None


class _Late(Exception):
    """There is no time for another epoch."""


def tune(
    model: Model,
    source: CropSource,
    held_back: Sequence[Corrections],
    settings: TuneSettings,
    checkpoint: Path,
    report: Callable[[EpochReport], None],
    steps: int,
) -> Tuned:
    """Fine-tune a model; no epoch begins after `OVER` times the time allowed.

    Time in which the process is suspended does not count.

    Parameters
    ----------
    model : Model
        What to begin with; stays as it is.
    source : CropSource
        Of `crop_source`.
    held_back : sequence of Corrections
        Of `pieces.divide`.
    settings : TuneSettings
    checkpoint : Path
        Found there, training goes on from it.
    report : callable
        Called after every epoch; ``val_dice`` is minus the loss on what is held back.
    steps : int
        Of every epoch; see `steps_for`.

    Returns
    -------
    Tuned

    Raises
    ------
    FloatingPointError
        If the loss is not finite in the first epoch.
    """
    config = training_config(settings, model.channels, steps)
    trainer = Tuner(
        config,
        source,
        [],
        checkpoint,
        str(model.device),
        model,
        held_back=validation_crops(held_back, settings),
    )
    broke_at = late_at = None
    most = OVER * max(60 * settings.minutes, LEAST_SECONDS)
    running = RunningTime()

    def report_in_time(epoch: EpochReport) -> None:
        report(epoch)
        if running.seconds > most and epoch.epoch < epoch.epochs:
            raise _Late

    try:
        with running:
            state = trainer.run(report_in_time)
    except _Late:
        state, late_at = trainer.best_state, trainer.epoch
    except FloatingPointError:
        if trainer.epoch == 0:
            raise
        state, broke_at = trainer.best_state, trainer.epoch + 1
    kept = mixed(model.network.state_dict(), state, settings.keep)
    return Tuned(kept, broke_at, late_at)


def crop_source(learned: Sequence[Corrections], settings: TuneSettings) -> CropSource:
    """Crops of the corrections, and of generated nuclei among them.

    Raises
    ------
    DataError
        If there is nothing to learn from.
    """
    if not learned:
        raise DataError("Nothing is left to learn from. Review more nuclei.")
    samples = [make_sample(one.image, one.labels, one.limits) for one in learned]
    count = [max(1, one.reviewed.size) ** 0.5 for one in learned]
    weights = np.array(count) / np.sum(count)
    if settings.replay > 0:
        samples += _generated(settings.seed)
        rest = np.full(REPLAYED, settings.replay / REPLAYED)
        weights = np.concatenate([(1 - settings.replay) * weights, rest])
    return CropSource(samples, weights, Augmentation(), settings.seed)


def _generated(seed: int) -> list[Sample]:
    """Generated nuclei of both kinds, as the model knows them."""
    makers = (make_fluorescence, make_stained)
    return [
        make_sample(*makers[i % 2]((256, 256), seed=seed + i)) for i in range(REPLAYED)
    ]


def validation_crops(
    held_back: Sequence[Corrections], settings: TuneSettings
) -> list[tuple[Tensor, Tensor]]:
    """Crops to score with, the same at every epoch, not changed in intensity."""
    if not held_back:
        return []
    samples = [make_sample(one.image, one.labels, one.limits) for one in held_back]
    weights = np.full(len(samples), 1 / len(samples))
    source = CropSource(samples, weights, _AS_THEY_ARE, settings.seed + 1)
    return [
        source.batch(step, 4, settings.crop_size)
        for step in range(VALIDATION_CROPS // 4)
    ]


def steps_for(model: Model, source: CropSource, settings: TuneSettings) -> int:
    """Steps of each epoch that the time allowed is enough for, measured here.

    `LEAST_STEPS` at least; where they take too long, `tune` leaves epochs out.
    """
    network = channels_last(PMRNet(out_channels=len(model.channels)), model.device)
    network.train()
    images, target = source.batch(0, 8, settings.crop_size)
    config = training_config(settings, model.channels, 1)
    spent = []
    for _ in range(3):
        started = time.perf_counter()
        _trial(network, images.to(model.device), target.to(model.device), config)
        spent.append(time.perf_counter() - started)
        if sum(spent) > 60 * settings.minutes:
            break
    return int(
        np.clip(60 * settings.minutes / EPOCHS / min(spent), LEAST_STEPS, MOST_STEPS)
    )


def _trial(
    network: PMRNet, images: Tensor, target: Tensor, config: TrainConfig
) -> None:
    """One step without an optimiser, for its time."""
    images = images.to(memory_format=torch.channels_last)
    with autocast(str(images.device)):
        output = network(images, maps=True)
    loss, _ = total_loss(output, target, config.channels, LossWeights())
    loss.backward()


def mixed(
    before: dict[str, Tensor], after: dict[str, Tensor], keep: float
) -> dict[str, Tensor]:
    """Weights between two states, tensor by tensor."""
    return {
        name: torch.lerp(value, before[name].cpu().to(value), keep).contiguous()
        if value.is_floating_point()
        else value
        for name, value in after.items()
    }


def tuned_model(model: Model, state: dict[str, Tensor]) -> Model:
    """A model with other weights, and the rest of the card as it was."""
    network = PMRNet(out_channels=len(model.channels))
    network.load_state_dict(state)
    network = channels_last(network.eval(), model.device)
    return replace(model, weights=network, card=model.card.updated(sha256=""))
