"""The paper's equations, each against the form it was derived from."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.network.adaptive_scale import maximum
from napari_pmrnet.network.boundary_fusion import BoundaryFusion
from napari_pmrnet.network.esconv import SymplecticStep
from napari_pmrnet.network.memory_bank import MemoryBank
from napari_pmrnet.network.pgrf import PGRF, heat_step
from napari_pmrnet.network.rgds import FlowStep


class NeighbourMean(nn.Module):
    """Mean of the four neighbours, borders replicated."""

    def forward(self, u: Tensor) -> Tensor:
        p = F.pad(u, (1, 1, 1, 1), mode="replicate")
        up, down = p[..., :-2, 1:-1], p[..., 2:, 1:-1]
        left, right = p[..., 1:-1, :-2], p[..., 1:-1, 2:]
        return (up + down + left + right) / 4


class Constant(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.value)


def classical_pgrf(diffusivity: nn.Module, steps: int = 3) -> PGRF:
    """PGRF as plain heat flow: neighbour mean, no source."""
    pgrf = PGRF(16, steps)
    pgrf.smoothers = nn.ModuleList(NeighbourMean() for _ in range(steps))
    pgrf.diffusivity = diffusivity
    nn.init.zeros_(pgrf.source[-1].weight)
    return pgrf


def field(seed: int, size: tuple[int, int] = (9, 12)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 16, *size, generator=generator, dtype=torch.float32)


def test_one_step_is_the_explicit_five_point_heat_step() -> None:
    u, diffusivity = field(0), 0.6
    stencil = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).expand(16, 1, 3, 3)
    laplacian = F.conv2d(F.pad(u, (1,) * 4, mode="replicate"), stencil, groups=16)
    expected = u + diffusivity / 4 * laplacian
    with torch.no_grad():
        out, _ = classical_pgrf(Constant(diffusivity), steps=1)(u)
    torch.testing.assert_close(out - u, expected, atol=1e-5, rtol=1e-5)


@given(seed=st.integers(0, 10_000), diffusivity=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_variance_never_rises(seed: int, diffusivity: float) -> None:
    u = field(seed).double()
    for step in range(3):
        smoothed = heat_step(u, NeighbourMean()(u), diffusivity, step)
        before, after = (t.var(dim=(2, 3)) for t in (u, smoothed))
        assert (after <= before * (1 + 1e-12)).all()
        u = smoothed


@given(
    seed=st.integers(0, 10_000), size=st.tuples(st.integers(1, 9), st.integers(1, 9))
)
@settings(max_examples=30, deadline=None)
def test_field_stays_within_its_extremes(seed: int, size: tuple[int, int]) -> None:
    u = field(seed, size)
    diffusivity = torch.rand(u.shape, generator=torch.Generator().manual_seed(seed))
    low, high = u.amin(dim=(2, 3)), u.amax(dim=(2, 3))
    for step in range(3):
        u = heat_step(u, NeighbourMean()(u), diffusivity, step)
    assert (u.amin(dim=(2, 3)) >= low - 1e-5).all()
    assert (u.amax(dim=(2, 3)) <= high + 1e-5).all()


def test_pgrf_sums_its_steps_and_source() -> None:
    pgrf, x = PGRF(16, 3).eval(), field(3)
    with torch.no_grad():
        diffusivity, source = pgrf.diffusivity(x), 0.1 * pgrf.source(x)
        u = x
        for k, smooth in enumerate(pgrf.smoothers):
            u = u + diffusivity * (smooth(u) - u) * 0.5**k + source
        out, returned = pgrf(x)
    torch.testing.assert_close(out, u + x)
    assert torch.equal(returned, diffusivity)


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


def test_flow_step_is_the_published_equation() -> None:
    flow, x = FlowStep(4).eval(), field(5)[:, :4]
    with torch.no_grad():
        flow.rescale.uniform_(-2, 2)
        flow.shift.uniform_(-1, 1)
        h = flow.local(x)
        beta = torch.tanh(flow.coupling[1](flow.coupling[0](h)))
        gamma = torch.sigmoid(flow.rescale * h + flow.shift)
        torch.testing.assert_close(flow(x), x + 0.1 * (beta + gamma * x))


def test_memory_bank_reads_the_matching_prototype() -> None:
    bank = MemoryBank(16, 4, sharpness=1000)
    with torch.no_grad():
        bank.query.weight.copy_(torch.eye(16)[:, :, None, None])
        bank.project.weight.copy_(torch.eye(16)[:, :, None, None])
        x = 3 * bank.prototypes[2].view(1, 16, 1, 1)
        torch.testing.assert_close(bank(x), x + 0.1 * bank.prototypes[2].view(x.shape))


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


def test_maximum_and_its_gradient() -> None:
    a = torch.tensor([1.0, 5.0, 2.0], requires_grad=True)
    b = torch.tensor([3.0, 4.0, 2.0], requires_grad=True)
    maximum(a, b).backward(torch.tensor([1.0, 10.0, 100.0]))
    assert a.grad.tolist() == [0, 10, 100]
    assert b.grad.tolist() == [1, 0, 0]
    with torch.no_grad():
        assert maximum(a, b).tolist() == [3, 5, 2]
