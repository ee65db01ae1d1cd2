"""Convolutions with BatchNorm folded in, or cut in two: exact but for rounding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

_KEPT = ("kernel_size", "stride", "padding")


def norm_terms(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Scale and shift of a BatchNorm in evaluation mode: ``scale * x + shift``.

    Returns
    -------
    scale, shift : Tensor, shape (C,)
    """
    mean, variance = map(norm.get_buffer, ("running_mean", "running_var"))
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return scale, norm.bias - scale * mean


def with_weights(
    conv: nn.Conv2d, weight: Tensor, bias: Tensor | None = None
) -> nn.Conv2d:
    """A convolution of the same kernel, stride and padding with other weights.

    Parameters
    ----------
    conv : Conv2d
        Where it is depthwise, so is the new one.
    weight : Tensor, shape (out, in / groups, h, w)
    bias : Tensor, shape (out,), optional
    """
    groups = 1 if conv.groups == 1 else len(weight)
    # torch's types give tuples of any length and ask for pairs.
    same: Any = {name: getattr(conv, name) for name in _KEPT}
    made = nn.Conv2d(
        weight.shape[1] * groups,
        len(weight),
        **same,
        groups=groups,
        bias=bias is not None,
        device="meta",
    )
    made.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias.contiguous(), requires_grad=False)
    return made


def scaled(conv: nn.Conv2d, scale: Tensor, shift: Tensor | None = None) -> nn.Conv2d:
    """A convolution whose output is ``scale * conv(x) + shift``, channel by channel.

    Parameters
    ----------
    conv : Conv2d
    scale : Tensor, shape (out,)
    shift : Tensor, shape (out,), optional
    """
    bias = None if conv.bias is None else scale * conv.bias
    if shift is not None:
        bias = shift if bias is None else bias + shift
    return with_weights(conv, scale[:, None, None, None] * conv.weight, bias)


def doubled(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution with twice the output, for ``tanh(x) = 2 * sigmoid(2 * x) - 1``.

    A vectorised tanh takes several times as long as a sigmoid.
    """
    return scaled(conv, conv.weight.new_full((conv.out_channels,), 2.0))


def split_pointwise(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Two 1x1 convolutions whose sum is that of the two halves joined."""
    first, second = conv.weight.chunk(2, dim=1)
    return with_weights(conv, first), with_weights(conv, second, conv.bias)


def split_depthwise(conv: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Depthwise convolutions of the first and of the second half of the channels."""
    first, second = conv.weight.chunk(2)
    return with_weights(conv, first), with_weights(conv, second)


def folded(chain: nn.Sequential) -> nn.Sequential:
    """The same chain, flat, without dropout, each BatchNorm in the convolution before.

    SiLU after a convolution writes over its output.
    """
    layers: list[nn.Module] = []
    for layer in _flat(chain):
        before = layers[-1] if layers else None
        fresh = isinstance(before, nn.Conv2d)
        if fresh and isinstance(layer, nn.BatchNorm2d):
            layers[-1] = scaled(before, *norm_terms(layer))
        elif fresh and isinstance(layer, nn.SiLU):
            layers.append(nn.SiLU(inplace=True))
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def is_chain(module: nn.Module) -> TypeGuard[nn.Sequential]:
    """True if a module does nothing but run its layers one after the other."""
    return (
        isinstance(module, nn.Sequential)
        and type(module).forward is nn.Sequential.forward
    )


def _flat(chain: nn.Sequential) -> Iterator[nn.Module]:
    """Layers of a chain and of the chains in it, without what does nothing."""
    for layer in chain:
        if is_chain(layer):
            yield from _flat(layer)
        elif not isinstance(layer, (nn.Dropout2d, nn.Identity)):
            yield layer
