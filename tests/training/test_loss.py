"""The loss of training: Dice as MONAI computes it, without MONAI."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from napari_pmrnet.training.loss import dice

WITHOUT_MONAI = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"monai", "matplotlib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import torch
import napari_pmrnet.finetuning.run
import napari_pmrnet.finetuning.finetune
import napari_pmrnet.training.train
from napari_pmrnet.training.loss import bce_dice
print(float(bce_dice(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))))
"""


def test_dice_of_hand_made_maps() -> None:
    target = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    assert dice(target, target) == 0
    assert dice(1 - target, target) == 1 - 1 / 5
    assert dice(torch.full_like(target, 0.5), target) == pytest.approx(1 - 3 / 5)
    assert dice(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_dice_is_that_of_monai_to_the_last_bit(seed: int) -> None:
    losses = pytest.importorskip("monai.losses")
    theirs = losses.DiceLoss(batch=True, smooth_nr=1.0, smooth_dr=1.0)
    torch.manual_seed(seed)
    shape = (4, 1 + seed % 3, 37, 53)
    probability = torch.rand(shape, requires_grad=True)
    target = (torch.rand(shape) > 0.7).float()
    if seed % 2:
        target = target * torch.rand(shape)
    ours, expected = dice(probability, target), theirs(probability, target)
    assert torch.equal(ours, expected)
    slopes = [torch.autograd.grad(loss, probability)[0] for loss in (ours, expected)]
    assert torch.equal(*slopes)


def test_training_works_without_monai() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MONAI], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 1
