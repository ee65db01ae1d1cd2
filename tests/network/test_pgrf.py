"""Heat steps of the pseudo-global receptive field, against the form they come from."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.network.pgrf import PGRF, heat_step


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
