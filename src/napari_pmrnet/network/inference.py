"""PMRNet in the form that is fastest to run: the same answers in fewer passes.

At full resolution the network is bound by memory traffic more than by arithmetic. So
BatchNorm goes into the convolution before it, what depends on weights alone is computed
once, and elementwise steps write over their input where nobody else reads it.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from napari_pmrnet.network.adaptive_scale import AdaptiveScale
from napari_pmrnet.network.boundary_fusion import BoundaryFusion
from napari_pmrnet.network.esconv import ESConv
from napari_pmrnet.network.fold_batchnorm import folded, is_chain
from napari_pmrnet.network.fused import (
    FusedAdaptiveScale,
    FusedBoundaryFusion,
    FusedESConv,
    FusedMemoryBank,
    FusedRefinementStep,
    FusedRGDS,
)
from napari_pmrnet.network.memory_bank import MemoryBank
from napari_pmrnet.network.refinement import RefinementStep
from napari_pmrnet.network.rgds import RGDS

_FUSED = {
    ESConv: FusedESConv,
    AdaptiveScale: FusedAdaptiveScale,
    MemoryBank: FusedMemoryBank,
    RefinementStep: FusedRefinementStep,
    RGDS: FusedRGDS,
    BoundaryFusion: FusedBoundaryFusion,
}


@torch.no_grad()
def inference_form(network: nn.Module) -> nn.Module:
    """A copy of a network that gives the same output in fewer passes.

    Parameters
    ----------
    network : Module
        `PMRNet`, whole or without some of its parts, or a module that holds one. It
        stays as it is.

    Returns
    -------
    Module
        In evaluation mode, in channels_last memory format, without gradients. It takes
        and gives what `network` does, to rounding.
    """
    fast = deepcopy(network).eval().requires_grad_(False)
    _replace_parts(fast)
    # torch's stub of Module.to does not know memory_format.
    return fast.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _replace_parts(module: nn.Module) -> None:
    """Put the inference form in the place of every part that has one."""
    for name, child in module.named_children():
        if type(child) in _FUSED:
            setattr(module, name, _FUSED[type(child)](child))
            continue
        _replace_parts(child)
        if is_chain(child):
            setattr(module, name, folded(child))
