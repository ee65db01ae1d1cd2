"""Each fused module gives what the module it was made from gives."""

import pytest
import torch
from torch import Tensor, nn

from napari_pmrnet.network import fused
from napari_pmrnet.network.adaptive_scale import AdaptiveScale, RotationBranch
from napari_pmrnet.network.boundary_fusion import BoundaryFusion
from napari_pmrnet.network.esconv import ESConv
from napari_pmrnet.network.memory_bank import MemoryBank
from napari_pmrnet.network.refinement import RefinementStep
from napari_pmrnet.network.rgds import RGDS

MODULES = {
    fused.FusedESConv: lambda: ESConv(16),
    fused.FusedBranch: lambda: RotationBranch(16),
    fused.FusedAdaptiveScale: lambda: AdaptiveScale(16),
    fused.FusedMemoryBank: lambda: MemoryBank(16, 5),
    fused.FusedRefinementStep: lambda: RefinementStep(16),
    fused.FusedRGDS: lambda: RGDS(16, 24),
    fused.FusedBoundaryFusion: lambda: BoundaryFusion(16),
}


def trained(module: nn.Module, low: float) -> nn.Module:
    """The module with scales of its BatchNorms drawn from `low` up to 1.5."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(low, 1.5)
                part.bias.normal_(0, 0.3)
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
        for name, parameter in module.named_parameters():
            if parameter.ndim == 0:  # steps and shares, which begin small
                parameter.fill_(0.6 if name != "mix" else -0.4)
    return module.eval()


def outputs(module: nn.Module, *x: Tensor) -> tuple[Tensor, ...]:
    with torch.inference_mode():
        out = module(*(t.clone() for t in x))
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("low", [0.2, -1.5], ids=["positive", "of both signs"])
@pytest.mark.parametrize("form", MODULES, ids=lambda form: form.__name__)
def test_it_gives_what_the_module_gives(form: type[nn.Module], low: float) -> None:
    torch.manual_seed(3)
    module = trained(MODULES[form](), low)
    inputs = torch.randn(2 if form is fused.FusedBoundaryFusion else 1, 2, 16, 8, 12)
    with torch.no_grad():
        expected, actual = outputs(module, *inputs), outputs(form(module), *inputs)
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("form", MODULES, ids=lambda form: form.__name__)
def test_what_it_is_given_is_not_written_over(form: type[nn.Module]) -> None:
    """The decoder reads a feature again that the encoder has passed on."""
    module = trained(MODULES[form](), -1.5)
    inputs = torch.randn(2 if form is fused.FusedBoundaryFusion else 1, 1, 16, 8, 8)
    with torch.no_grad():
        fast, before = form(module), inputs.clone()
    with torch.inference_mode():
        fast(*inputs)
    assert torch.equal(inputs, before)


def test_signs_are_kept_only_where_one_is_negative() -> None:
    with torch.no_grad():
        positive = fused.FusedBranch(trained(RotationBranch(8), 0.2))
        mixed = trained(RotationBranch(8), 0.2)
        mixed.norm.weight[3] = -1
        negative = fused.FusedBranch(mixed)
    assert positive.sign is None
    assert negative.sign.flatten().tolist() == [1, 1, 1, -1, 1, 1, 1, 1]
