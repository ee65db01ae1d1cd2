"""One configuration a training run, kept in the checkpoint and in the model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from napari_pmrnet.errors import DataError
from napari_pmrnet.models.label_kind import LabelKind, class_channels
from napari_pmrnet.segmentation.diameter import LARGE, SMALL
from napari_pmrnet.training.augment import Augmentation
from napari_pmrnet.training.loss import LossWeights
from napari_pmrnet.training.targets import CHANNELS

_TUPLES = {"channels", "without", "classes"}
WHOLE = 256
"""Side of the crops that hold an image whole: that of the window in use."""


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

    ``labels`` is what the model is to label, and ``classes`` names classes, that of
    label 1 first; `for_labels` sets what follows from it.

    ``network`` and the parts it is built ``without`` are names that
    `research.networks` knows; all but the whole PMRNet are for comparison.
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
    labels: LabelKind = LabelKind.NUCLEI
    classes: tuple[str, ...] = ()
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def is_whole(self) -> bool:
        """Tell whether the network is the whole PMRNet, which the plugin can use."""
        return self.network == "pmrnet" and not self.without

    @property
    def total_epochs(self) -> int:
        """Epochs of all cycles."""
        return self.epochs * self.cycles

    def steps_for(self, images: int) -> int:
        """Optimiser steps of an epoch, with so many training images."""
        return self.steps_per_epoch or max(1, images // self.batch_size)

    def crop_size_at(self, epoch: int) -> int:
        """Side of the crops of an epoch, counted from 0."""
        finishing = epoch % self.epochs >= self.epochs - self.finish_epochs
        return self.finish_crop_size if finishing else self.crop_size

    def for_labels(self, labels: str, classes: tuple[str, ...] = ()) -> TrainConfig:
        """The recipe for objects or classes: images whole, and no instances.

        Parameters
        ----------
        labels : str
            A `LabelKind` or its value.
        classes : tuple of str
            Names of the classes, that of label 1 first.

        Raises
        ------
        DataError
            If there is no such kind, or it does not go with these classes.
        """
        if labels not in tuple(LabelKind):
            raise DataError(
                f"labels are one of {', '.join(LabelKind)}, not '{labels}'."
            )
        kind = LabelKind(labels)
        if (kind is LabelKind.CLASSES) != bool(classes):
            raise DataError("Name the classes if, and only if, labels are classes.")
        if kind is LabelKind.NUCLEI:
            return self
        return replace(
            self,
            labels=kind,
            classes=classes,
            channels=("probability", "border", *class_channels(len(classes))),
            crop_size=WHOLE,
            finish_epochs=0,
            augmentation=replace(
                self.augmentation, scale_low=0.75, scale_high=1.35, far=0.0
            ),
        )

    def card_fields(self) -> dict[str, Any]:
        """Fields of the model card on the labels, and on the scale that suits them."""
        if self.labels is LabelKind.NUCLEI:
            return {"working_diameters": [SMALL, LARGE]}
        classes = {"classes": list(self.classes)} if self.classes else {}
        tile = {"window": self.crop_size, "overlap": 0}
        return {"labels": self.labels.value, **tile, **classes}

    def shortened(self, epochs: int) -> TrainConfig:
        """The same recipe in fewer epochs, with its share of larger crops."""
        finish = round(epochs * self.finish_epochs / self.epochs)
        return replace(self, epochs=epochs, finish_epochs=finish)

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionary ready for JSON."""
        lists = {name: list(getattr(self, name)) for name in _TUPLES}
        return {**asdict(self), "labels": self.labels.value, **lists}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of `as_dict`; missing entries keep their defaults."""
        values = dict(values)
        for name in _TUPLES & values.keys():
            values[name] = tuple(values[name])
        if "labels" in values:
            values["labels"] = LabelKind(values["labels"])
        if "loss" in values:
            values["loss"] = LossWeights(**values["loss"])
        if "augmentation" in values:
            values["augmentation"] = Augmentation(**values["augmentation"])
        return cls(**values)
