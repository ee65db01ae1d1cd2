"""Residual steps of the progressive refinement and the gate on them."""

import pytest
import torch
from torch import Tensor, nn

from napari_pmrnet.network.refinement import ProgressiveRefinement, RefinementStep


class Gate(nn.Module):
    """The same weight for every pixel of a channel."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = torch.tensor(values)[None, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return self.values.expand(len(x), -1, 1, 1)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 16, 6, 5, generator=torch.Generator().manual_seed(0))


def test_a_shut_gate_changes_nothing(x: Tensor) -> None:
    step = RefinementStep(16).eval()
    step.excitation = Gate([0.0] * 16)
    with torch.no_grad():
        assert torch.equal(step(x), x)


def test_each_channel_has_a_gate_of_its_own(x: Tensor) -> None:
    step = RefinementStep(16).eval()
    step.excitation = Gate([1.0, 0.25] + [0.0] * 14)
    with torch.no_grad():
        change, body = step(x) - x, step.body(x)
    torch.testing.assert_close(change[:, 0], body[:, 0])
    torch.testing.assert_close(change[:, 1], body[:, 1] / 4)
    assert not change[:, 2:].any()


def test_the_gate_reads_the_mean_of_the_image(x: Tensor) -> None:
    excitation = RefinementStep(16).excitation
    shuffled = x.flatten(2)[..., torch.randperm(30)].reshape(x.shape)
    with torch.no_grad():
        torch.testing.assert_close(excitation(shuffled), excitation(x))


def test_steps_share_no_weights_and_follow_each_other(x: Tensor) -> None:
    chain = ProgressiveRefinement(16, 3).eval()
    ids = {id(p) for p in chain.parameters()}
    assert len(ids) == 3 * len(list(RefinementStep(16).parameters()))
    with torch.no_grad():
        assert torch.equal(chain(x), chain[2](chain[1](chain[0](x))))
