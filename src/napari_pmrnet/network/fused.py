"""The modules of the paper as `inference_form` runs them, each made from a trained one.

Every class here takes and gives the shapes of the module it stands for.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.network.adaptive_scale import AdaptiveScale, RotationBranch
from napari_pmrnet.network.blocks import layers
from napari_pmrnet.network.boundary_fusion import BoundaryFusion
from napari_pmrnet.network.esconv import ESConv
from napari_pmrnet.network.fold_batchnorm import (
    doubled,
    folded,
    norm_terms,
    scaled,
    split_depthwise,
    split_pointwise,
    with_weights,
)
from napari_pmrnet.network.memory_bank import MemoryBank
from napari_pmrnet.network.refinement import RefinementStep
from napari_pmrnet.network.rgds import RGDS


class FusedESConv(nn.Module):
    """`ESConv` that joins position and momentum once.

    The step's 1x1 reads ``[q; p]``: order and sign are in its weights. The scale of the
    gradient magnitude's BatchNorm is in the gradients' kernels; where it is below 0,
    its sign comes after the absolute value.
    """

    sign: Tensor | None
    shift: Tensor

    def __init__(self, module: ESConv) -> None:
        super().__init__()
        self.main = folded(module.main)
        norm, _, depthwise, last = layers(module.momentum)
        scale, shift = norm_terms(norm)
        self.gradient_x = scaled(module.gradient_x, scale * 2**-0.5)
        self.gradient_y = scaled(module.gradient_y, scale * 2**-0.5)
        self.register_buffer("sign", _signs(scale))
        self.register_buffer("shift", shift[:, None, None])
        self.momentum = folded(nn.Sequential(depthwise, last))
        (coupling,) = layers(folded(module.step.coupling))
        on_p, on_q = coupling.weight.chunk(2, dim=1)
        joined = torch.cat([-on_q, on_p], dim=1)
        self.coupling = doubled(with_weights(coupling, joined, coupling.bias))
        self.eps = float(module.step.eps)
        self.boundary = folded(module.boundary)
        self.boundary_features = folded(module.boundary_features)
        fuse, self.activation = layers(folded(module.fuse))
        self.fuse_main, self.fuse_features = split_pointwise(fuse)
        self.beta = float(module.beta)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        magnitude = self.gradient_x(x).abs_().add_(self.gradient_y(x).abs_())
        if self.sign is not None:
            magnitude = magnitude.mul_(self.sign)
        momentum = self.momentum(F.gelu(magnitude.add_(self.shift)))
        state = torch.cat([x, momentum], dim=1)
        force = self.coupling(state).sigmoid_()
        state = state.add_(force, alpha=2 * self.eps).sub_(self.eps)
        boundary = self.boundary(state)
        features = self.boundary_features(state).mul_(1 + boundary)
        out = self.fuse_main(self.main(x)).add_(self.fuse_features(features))
        return self.activation(out).add_(x, alpha=self.beta), boundary


class FusedBranch(nn.Module):
    """`RotationBranch` whose BatchNorm is in its four responses.

    A scale above 0 passes through the maximum; the sign of one below 0 comes after it.
    """

    sign: Tensor | None

    def __init__(self, module: RotationBranch) -> None:
        super().__init__()
        scale, shift = norm_terms(module.norm)
        sign = torch.where(scale < 0, -1.0, 1.0)
        self.responses = nn.ModuleList(
            scaled(conv, scale * sign, shift * sign)
            for conv in layers(module.responses)
        )
        self.register_buffer("sign", _signs(scale))

    def forward(self, x: Tensor) -> Tensor:
        largest = reduce(torch.maximum, (conv(x) for conv in self.responses))
        return largest if self.sign is None else largest.mul_(self.sign)


class FusedAdaptiveScale(nn.Module):
    """`AdaptiveScale` that mixes its branches in place."""

    def __init__(self, module: AdaptiveScale) -> None:
        super().__init__()
        self.branches = nn.ModuleList(map(FusedBranch, layers(module.branches)))
        self.selector = folded(module.selector)
        self.project = folded(module.project)

    def forward(self, x: Tensor) -> Tensor:
        first, *rest = self.selector(x).split(1, dim=1)
        mixed = self.branches[0](x).mul_(first)
        for weight, branch in zip(rest, self.branches[1:], strict=True):
            mixed = mixed.addcmul_(weight, branch(x))
        return F.silu(self.project(mixed).add_(x), inplace=True)


class FusedMemoryBank(nn.Module):
    """`MemoryBank` with unit keys and projected prototypes made once.

    The query's length divides N cosines rather than its r channels.
    """

    def __init__(self, module: MemoryBank) -> None:
        super().__init__()
        keys = F.normalize(module.prototypes[:, : module.key_channels], dim=1)
        keys = module.sharpness * keys
        read = module.alpha * module.project.weight[:, :, 0, 0] @ module.prototypes.T
        self.query = module.query
        self.keys = with_weights(module.query, keys[:, :, None, None])
        self.read = with_weights(module.query, read[:, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x)
        length = query.square().sum(dim=1, keepdim=True).sqrt_().clamp_min_(1e-12)
        attention = torch.softmax(self.keys(query).div_(length), dim=1)
        return self.read(attention).add_(x)


class FusedRefinementStep(nn.Module):
    """`RefinementStep` with gate and sum in one pass."""

    def __init__(self, module: RefinementStep) -> None:
        super().__init__()
        self.body = folded(module.body)
        self.excitation = module.excitation

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(x, self.body(x), self.excitation(x))


class FusedRGDS(nn.Module):
    """`RGDS` with the share of the high branch in its convolution."""

    def __init__(self, module: RGDS) -> None:
        super().__init__()
        flow = module.flow
        self.local = flow.local
        self.coupling = doubled(layers(folded(flow.coupling))[0])
        self.rescale, self.shift = flow.rescale, flow.shift
        self.alpha = float(flow.alpha)
        self.low = folded(module.low)
        self.pool, high = layers(folded(module.high))
        self.high = scaled(high, module.mix.expand(high.out_channels))

    def forward(self, x: Tensor) -> Tensor:
        local = self.local(x)
        gamma = torch.addcmul(self.shift, local, self.rescale).sigmoid_()
        change = self.coupling(local).sigmoid_().add_(gamma.mul_(x), alpha=0.5)
        enhanced = change.mul_(2 * self.alpha).add_(x).sub_(self.alpha)
        return self.low(enhanced).add_(self.high(self.pool(enhanced)))


class FusedBoundaryFusion(nn.Module):
    """`BoundaryFusion` that never joins decoder and skip into one tensor."""

    def __init__(self, module: BoundaryFusion) -> None:
        super().__init__()
        self.gate = folded(module.gate)
        self.detail = folded(module.detail)
        spread, join, self.activation = layers(folded(module.joint))
        self.spread_decoded, self.spread_skip = split_depthwise(spread)
        self.join_decoded, self.join_skip = split_pointwise(join)

    def forward(self, decoded: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        gate = self.gate(skip)
        joint = self.join_decoded(self.spread_decoded(decoded))
        joint = self.activation(joint.add_(self.join_skip(self.spread_skip(skip))))
        return joint.lerp_(self.detail(skip), gate), gate


def _signs(scale: Tensor) -> Tensor | None:
    """Signs (C, 1, 1) of a scale; None where none is below 0."""
    if not (scale < 0).any():
        return None
    return torch.where(scale < 0, -1.0, 1.0)[:, None, None]
