"""Rotation-pooled branches and their maximum."""

import pytest
import torch
from torch import Tensor, nn

from napari_pmrnet.network.adaptive_scale import AdaptiveScale, RotationBranch, maximum


def test_maximum_and_its_gradient() -> None:
    a = torch.tensor([1.0, 5.0, 2.0], requires_grad=True)
    b = torch.tensor([3.0, 4.0, 2.0], requires_grad=True)
    maximum(a, b).backward(torch.tensor([1.0, 10.0, 100.0]))
    assert a.grad.tolist() == [0, 10, 100]
    assert b.grad.tolist() == [1, 0, 0]
    with torch.no_grad():
        assert maximum(a, b).tolist() == [3, 5, 2]


def test_a_branch_answers_alike_to_all_four_orientations() -> None:
    branch = RotationBranch(4).eval()
    branch.init_physics()
    x = torch.randn(1, 4, 9, 9, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = branch(x)
        for turns in (1, 2, 3):
            turned = torch.rot90(x, turns, dims=(2, 3))
            back = torch.rot90(branch(turned), -turns, dims=(2, 3))
            torch.testing.assert_close(back, expected)


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_each_pixel_takes_the_branch_that_the_selector_names(chosen: int) -> None:
    module = AdaptiveScale(16).eval()

    class OneBranch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            weights = torch.zeros_like(x[:, :3])
            weights[:, chosen] = 1
            return weights

    module.selector = OneBranch()
    x = torch.randn(2, 16, 6, 7, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        mixed = module.project(module.branches[chosen](x)) + x
        torch.testing.assert_close(module(x), mixed * torch.sigmoid(mixed))
