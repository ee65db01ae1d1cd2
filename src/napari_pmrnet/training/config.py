"""One configuration a training run, kept in the checkpoint and in the model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from napari_pmrnet.training.augment import Augmentation
from napari_pmrnet.training.loss import LossWeights
from napari_pmrnet.training.targets import CHANNELS

_TUPLES = {"channels", "without"}


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run.

    An epoch is as many random crops as there are training images. The last
    ``finish_epochs`` epochs use larger crops, near the size of the windows the network
    sees in use, because its global averages depend on what is in view. With several
    ``cycles`` all that is repeated: every cycle goes on from the weights of the last
    one, with its own warm-up, fall of the learning rate and larger crops. A finished
    run takes up further cycles.

    ``steps_per_epoch`` of 0 stands for as many crops as there are images. With
    ``frozen_norm`` the statistics of every BatchNorm stay as they are: what the network
    learned of other images it does not forget by them.

    ``network`` and the parts it is built ``without`` are names that
    `networks.build_network` knows; all but the whole PMRNet are for comparison.
    """

    epochs: int = 100
    cycles: int = 1
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
    steps_per_epoch: int = 0
    frozen_norm: bool = False
    network: str = "pmrnet"
    without: tuple[str, ...] = ()
    channels: tuple[str, ...] = CHANNELS
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def total_epochs(self) -> int:
        """Epochs of all cycles."""
        return self.epochs * self.cycles

    def crop_size_at(self, epoch: int) -> int:
        """Side of the crops of an epoch, counted from 0."""
        finishing = epoch % self.epochs >= self.epochs - self.finish_epochs
        return self.finish_crop_size if finishing else self.crop_size

    def shortened(self, epochs: int) -> TrainConfig:
        """The same recipe in fewer epochs, with its share of larger crops."""
        finish = round(epochs * self.finish_epochs / self.epochs)
        return replace(self, epochs=epochs, finish_epochs=finish)

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionary ready for JSON."""
        lists = {name: list(getattr(self, name)) for name in _TUPLES}
        return {**asdict(self), **lists}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of `as_dict`; missing entries keep their defaults."""
        values = dict(values)
        for name in _TUPLES & values.keys():
            values[name] = tuple(values[name])
        if "loss" in values:
            values["loss"] = LossWeights(**values["loss"])
        if "augmentation" in values:
            values["augmentation"] = Augmentation(**values["augmentation"])
        return cls(**values)
