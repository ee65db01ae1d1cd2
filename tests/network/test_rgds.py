"""Renormalization-group downsampling against the published flow equation."""

import torch

from napari_pmrnet.network.rgds import RGDS, FlowStep


def field(seed: int, channels: int = 4, side: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, side, side, generator=generator)


def test_flow_step_is_the_published_equation() -> None:
    flow, x = FlowStep(4).eval(), field(5)
    with torch.no_grad():
        flow.rescale.uniform_(-2, 2)
        flow.shift.uniform_(-1, 1)
        h = flow.local(x)
        beta = torch.tanh(flow.coupling[1](flow.coupling[0](h)))
        gamma = torch.sigmoid(flow.rescale * h + flow.shift)
        torch.testing.assert_close(flow(x), x + 0.1 * (beta + gamma * x))


def test_a_closed_flow_leaves_the_field_as_it_is() -> None:
    flow, x = FlowStep(4).eval(), field(1)
    with torch.no_grad():
        flow.alpha.zero_()
        assert torch.equal(flow(x), x)


def test_high_branch_is_the_mean_of_two_by_two_pixels() -> None:
    module, x = RGDS(4, 6).eval(), field(2)
    with torch.no_grad():
        module.flow.alpha.zero_()
        module.mix.fill_(0.5)
        module.low[0].weight.zero_()
        pooled = x.reshape(2, 4, 4, 2, 4, 2).mean(dim=(3, 5))
        mixed = torch.einsum("oi,bihw->bohw", module.high[1].weight[:, :, 0, 0], pooled)
        scale = (1 + module.high[2].eps) ** -0.5
        torch.testing.assert_close(module(x), 0.5 * scale * mixed)
