"""Trainings that learn nothing worth having, but leave all files of a real one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_pmrnet.training.trainer import Trainer


@pytest.fixture
def quick_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each epoch adds its number to all weights, so that one left out would show."""

    def train_epoch(self: Trainer, pool: Any) -> dict[str, float]:
        with torch.no_grad():
            for weights in self.network.parameters():
                weights.add_(0.01 * (self.epoch + 1))
        self.average.update_parameters(self.network)
        return {}

    def validate(self: Trainer) -> float:
        self.best_state = self.state()
        return float(self.epoch)

    for kind in (Trainer, *Trainer.__subclasses__()):
        monkeypatch.setattr(kind, "_train_epoch", train_epoch)
        monkeypatch.setattr(kind, "_validate", validate)
