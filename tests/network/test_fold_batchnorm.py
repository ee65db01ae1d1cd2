"""Folded and cut convolutions compute what the modules before them did."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from napari_pmrnet.network.blocks import ECB, depthwise, pointwise
from napari_pmrnet.network.fold_batchnorm import (
    doubled,
    folded,
    is_chain,
    norm_terms,
    scaled,
    split_depthwise,
    split_pointwise,
    with_weights,
)

CONVOLUTIONS = {
    "pointwise": lambda: pointwise(6, 4),
    "with bias": lambda: pointwise(6, 4, bias=True),
    "depthwise": lambda: depthwise(6),
    "strided": lambda: nn.Conv2d(6, 4, 3, stride=2, padding=1, bias=False),
}


def trained_norm(channels: int) -> nn.BatchNorm2d:
    """A BatchNorm that has learned something, a negative scale included."""
    norm = nn.BatchNorm2d(channels).eval()
    with torch.no_grad():
        norm.weight.uniform_(-1.5, 1.5)
        norm.bias.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.3, 3)
    return norm


def image(seed: int = 0, channels: int = 6) -> Tensor:
    return torch.randn(2, channels, 7, 8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@torch.no_grad()
def test_scale_and_shift_are_the_batch_norm() -> None:
    norm, x = trained_norm(6), image()
    scale, shift = norm_terms(norm)
    torch.testing.assert_close(scale[:, None, None] * x + shift[:, None, None], norm(x))


@torch.no_grad()
@pytest.mark.parametrize("kind", CONVOLUTIONS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_batch_norm_goes_into_the_convolution_before(kind: str, seed: int) -> None:
    torch.manual_seed(seed)
    conv = CONVOLUTIONS[kind]()
    norm, x = trained_norm(conv.out_channels), image(seed)
    chain = folded(nn.Sequential(conv, norm))
    assert [type(layer) for layer in chain] == [nn.Conv2d]
    assert chain[0].groups == conv.groups and chain[0].stride == conv.stride
    torch.testing.assert_close(chain(x), norm(conv(x)), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_convolution_folded_stays_as_it_was() -> None:
    conv = pointwise(6, 4)
    before = conv.weight.clone()
    (made,) = folded(nn.Sequential(conv, trained_norm(4)))
    assert torch.equal(conv.weight, before) and conv.bias is None
    assert not made.weight.requires_grad and not made.bias.requires_grad


@torch.no_grad()
def test_chains_are_flat_and_without_what_does_nothing() -> None:
    chain = nn.Sequential(
        nn.Dropout2d(), nn.Sequential(ECB(6, 4), nn.Identity()), pointwise(4, 2)
    ).eval()
    fast, x = folded(chain), image()
    kinds = [type(layer) for layer in fast]
    assert kinds == [nn.Conv2d, nn.Conv2d, nn.SiLU, nn.Conv2d]
    torch.testing.assert_close(fast(x), chain(x))


@torch.no_grad()
def test_a_batch_norm_with_no_convolution_before_it_stays() -> None:
    norm, x = trained_norm(6), image()
    chain = nn.Sequential(norm, nn.SiLU(), pointwise(6, 4))
    fast, before = folded(chain), x.clone()
    assert fast[0] is norm
    torch.testing.assert_close(fast(x), chain(x))
    assert torch.equal(x, before), "an activation wrote over what it does not own"


@torch.no_grad()
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_scaled_channel_by_channel(kind: str) -> None:
    conv, x = CONVOLUTIONS[kind](), image()
    scale, shift = torch.randn(2, conv.out_channels)
    expected = scale[:, None, None] * conv(x)
    torch.testing.assert_close(scaled(conv, scale)(x), expected)
    torch.testing.assert_close(
        scaled(conv, scale, shift)(x), expected + shift[:, None, None]
    )
    torch.testing.assert_close(doubled(conv)(x), 2 * conv(x))


@torch.no_grad()
def test_other_weights_in_the_same_convolution() -> None:
    conv, x = CONVOLUTIONS["strided"](), image()
    made = with_weights(conv, conv.weight[:1], torch.tensor([3.0]))
    assert (made.in_channels, made.out_channels, made.groups) == (6, 1, 1)
    torch.testing.assert_close(made(x), conv(x)[:, :1] + 3)
    half = with_weights(depthwise(6), depthwise(6).weight[:2])
    assert (half.in_channels, half.out_channels, half.groups) == (2, 2, 2)


@torch.no_grad()
def test_halves_add_up_to_the_convolution_of_what_was_joined() -> None:
    conv, x = pointwise(6, 4, bias=True), image()
    first, second = split_pointwise(conv)
    torch.testing.assert_close(first(x[:, :3]) + second(x[:, 3:]), conv(x))


@torch.no_grad()
def test_depthwise_halves_are_the_halves_of_the_output() -> None:
    conv, x = depthwise(6), image()
    first, second = split_depthwise(conv)
    joined = torch.cat([first(x[:, :3]), second(x[:, 3:])], dim=1)
    torch.testing.assert_close(joined, conv(x))


def test_a_module_with_a_way_of_its_own_is_no_chain() -> None:
    class Residual(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return x + super().forward(x)

    assert is_chain(nn.Sequential()) and is_chain(ECB(2, 2))
    assert not is_chain(Residual()) and not is_chain(pointwise(2, 2))
