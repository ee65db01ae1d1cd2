"""One configuration a training run, kept in the checkpoint and in the model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from napari_pmrnet.training.augment import Augmentation
from napari_pmrnet.training.loss import LossWeights
from napari_pmrnet.training.targets import CHANNELS


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run.

    An epoch is as many random crops as there are training images. The last
    ``finish_epochs`` epochs use larger crops, near the size of the windows the network
    sees in use, because its global averages depend on what is in view.
    """

    epochs: int = 100
    batch_size: int = 8
    crop_size: int = 128
    finish_epochs: int = 14
    finish_crop_size: int = 192
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: float = 0.03
    gradient_clip: float = 5.0
    ema_decay: float = 0.998
    balance: float = 0.35
    seed: int = 0
    validate_every: int = 4
    autocast: str = "auto"
    channels: tuple[str, ...] = CHANNELS
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def crop_size_at(self, epoch: int) -> int:
        """Side of the crops of an epoch, counted from 0."""
        finishing = epoch >= self.epochs - self.finish_epochs
        return self.finish_crop_size if finishing else self.crop_size

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionary ready for JSON."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of `as_dict`; missing entries keep their defaults."""
        values = dict(values)
        if "channels" in values:
            values["channels"] = tuple(values["channels"])
        if "loss" in values:
            values["loss"] = LossWeights(**values["loss"])
        if "augmentation" in values:
            values["augmentation"] = Augmentation(**values["augmentation"])
        return cls(**values)
