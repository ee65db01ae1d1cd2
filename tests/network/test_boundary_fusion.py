"""Which of decoder and skip the boundary gate lets through."""

import torch
from torch import Tensor, nn

from napari_pmrnet.network.boundary_fusion import BoundaryFusion, PlainFusion


def test_boundary_gate_hands_the_pixel_to_the_skip() -> None:
    fusion = BoundaryFusion(24).eval()

    class Shut(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x[:, :1])

    fusion.gate = Shut()
    decoded, skip = torch.randn(1, 24, 8, 8), torch.randn(1, 24, 8, 8)
    with torch.no_grad():
        out, _ = fusion(decoded, skip)
        torch.testing.assert_close(out, fusion.detail(skip))


def test_an_open_gate_joins_decoder_and_skip() -> None:
    fusion = BoundaryFusion(24).eval()
    decoded, skip = torch.randn(1, 24, 8, 8), torch.randn(1, 24, 8, 8)
    with torch.no_grad():
        fusion.gate[3].weight.fill_(-1e4)
        fusion.gate[1].bias.fill_(10)
        out, gate = fusion(decoded, skip)
        joined = fusion.joint(torch.cat([decoded, skip], dim=1))
    assert gate.shape == (1, 1, 8, 8) and not gate.any()
    assert torch.equal(out, joined)


def test_without_a_gate_both_are_joined() -> None:
    fusion = PlainFusion(24).eval()
    decoded, skip = torch.randn(1, 24, 8, 8), torch.randn(1, 24, 8, 8)
    with torch.no_grad():
        out, gate = fusion(decoded, skip)
        assert torch.equal(out, fusion.joint(torch.cat([decoded, skip], dim=1)))
    assert gate is None
