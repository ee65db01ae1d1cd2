"""Enhanced symplectic convolution: bounded steps and measured gradients."""

import pytest
import torch

from napari_pmrnet.network.esconv import ESConv, SymplecticStep


@pytest.mark.parametrize("eps", [0.1, -0.7])
def test_symplectic_step_is_bounded_by_eps(eps: float) -> None:
    step = SymplecticStep(8)
    with torch.no_grad():
        step.eps.fill_(eps)
        step.coupling[1].weight.fill_(50)
        q, p = 10 * torch.randn(2, 8, 6, 6), 10 * torch.randn(2, 8, 6, 6)
        moved = step(q, p) - torch.cat([q, p], dim=1)
    assert moved.abs().max() <= abs(eps) * (1 + 1e-4)
    assert moved.abs().max() > 0.9 * abs(eps)


def test_symplectic_step_turns_momentum_into_motion() -> None:
    step = SymplecticStep(1).eval()
    with torch.no_grad():
        step.coupling[0].weight.copy_(torch.eye(2)[:, :, None, None])
        q, p = torch.tensor([[[[0.3]]]]), torch.tensor([[[[-0.2]]]])
        out = step(q, p).flatten()
    scale = (1 + step.coupling[1].eps) ** -0.5
    expected = torch.tensor([0.3, -0.2]) + 0.1 * torch.tanh(
        scale * torch.tensor([-0.2, -0.3])
    )
    torch.testing.assert_close(out, expected)


def test_sobel_measures_a_ramp() -> None:
    esconv = ESConv(24)
    esconv.init_physics()
    ramp = torch.arange(16.0).expand(1, 24, 16, 16)
    gx, gy = esconv.gradient_x(ramp), esconv.gradient_y(ramp)
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(gx[inner], torch.full_like(gx[inner], 2.0))
    torch.testing.assert_close(gy[inner], torch.zeros_like(gy[inner]))


def test_boundary_map_amplifies_what_was_read_at_boundaries() -> None:
    """With ``beta`` 0 and a shut main branch only the boundary features are left."""
    esconv = ESConv(4).eval()
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        esconv.beta.zero_()
        esconv.fuse[0].weight[:, :4] = 0
        esconv.fuse[0].weight[:, 4:] = torch.eye(4)[:, :, None, None]
        magnitude = esconv.gradient_x(x).abs() + esconv.gradient_y(x).abs()
        state = esconv.step(x, esconv.momentum(magnitude / 2**0.5))
        features = esconv.boundary_features(state)
        out, boundary = esconv(x)
        amplified = esconv.fuse[1](features * (1 + boundary))
    assert boundary.shape == (1, 1, 8, 8)
    assert boundary.min() > 0 and boundary.max() < 1
    torch.testing.assert_close(out, esconv.fuse[2](amplified))
