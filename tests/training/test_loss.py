"""The loss of training: Dice as MONAI computes it, without MONAI."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.network.pmrnet import Gates
from napari_pmrnet.training.loss import LossWeights, bce_dice, dice, total_loss
from napari_pmrnet.training.targets import CHANNELS

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


def test_foreground_loss_is_the_published_one() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 5, 6, generator=rng)
    target = (torch.rand(2, 1, 5, 6, generator=rng) > 0.6).float()
    p = torch.sigmoid(logits)
    entropy = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
    overlap, total = (p * target).sum(), p.sum() + target.sum()
    expected = 0.5 * entropy + 0.5 * (1 - (2 * overlap + 1) / (total + 1))
    torch.testing.assert_close(bce_dice(logits, target), expected)


def ideal_output(target: torch.Tensor, sharpness: float) -> PMRNetOutput:
    """Logits that say the target, more surely with sharpness."""
    inner = target[:, :3].clamp(1e-6, 1 - 1e-6)
    logits = torch.cat([sharpness * torch.logit(inner), target[:, 3:]], dim=1)
    gate = (0.5 + (target[:, 1:2] - 0.5) * min(1.0, sharpness)).clamp(0, 1)
    return PMRNetOutput(logits, None, Gates(gate, None, None, None))


def test_every_loss_term_falls_towards_the_target() -> None:
    torch.manual_seed(0)
    target = torch.rand(2, 5, 16, 16)
    target[:, :2] = (target[:, :2] > 0.5).float()
    good, good_terms = total_loss(
        ideal_output(target, 1.0), target, CHANNELS, LossWeights()
    )
    poor, poor_terms = total_loss(
        ideal_output(1 - target, 1.0), target, CHANNELS, LossWeights()
    )
    assert set(good_terms) == {"foreground", "border", "distance", "flows", "gate"}
    assert float(good) < 0.01 < float(poor)
    for name, value in good_terms.items():
        assert value < 0.01 < poor_terms[name], name


def test_the_published_network_has_the_published_loss() -> None:
    target = torch.zeros(1, 5, 8, 8)
    output = PMRNetOutput(torch.zeros(1, 1, 8, 8))
    loss, terms = total_loss(output, target, ("probability",), LossWeights())
    assert set(terms) == {"foreground"}
    expected = 0.5 * np.log(2) + 0.5 * (1 - 1 / (32 + 1))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_pixels_count_by_their_weight_and_not_where_it_is_zero() -> None:
    torch.manual_seed(1)
    target = torch.rand(2, 5, 16, 16)
    target[:, :2] = (target[:, :2] > 0.5).float()
    wrong = target.clone()
    wrong[..., :4, :] = 1 - wrong[..., :4, :]
    output = ideal_output(wrong, 1.0)

    def loss(top: float, bottom: float = 1.0) -> float:
        weight = torch.full((2, 1, 16, 16), bottom)
        weight[..., :4, :] = top
        weighed = torch.cat([target, weight], dim=1)
        return float(total_loss(output, weighed, CHANNELS, LossWeights())[0])

    plain = float(total_loss(output, target, CHANNELS, LossWeights())[0])
    assert loss(1.0) == pytest.approx(plain, rel=1e-5)
    assert loss(0.0) < 0.01 < loss(1.0) < loss(3.0)
