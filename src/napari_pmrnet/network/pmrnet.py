"""PMRNet assembled from its modules."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.network.adaptive_scale import AdaptiveScale, RotationBranch
from napari_pmrnet.network.blocks import ECB, pointwise
from napari_pmrnet.network.boundary_fusion import BoundaryFusion, PlainFusion
from napari_pmrnet.network.esconv import ESConv
from napari_pmrnet.network.memory_bank import MemoryBank
from napari_pmrnet.network.pgrf import PGRF
from napari_pmrnet.network.refinement import ProgressiveRefinement
from napari_pmrnet.network.rgds import RGDS
from napari_pmrnet.network.size import STRIDE, check_size

WIDTHS = (24, 48, 96, 192)


class Gates(NamedTuple):
    """Boundary maps, each (B, 1, h, w) in (0, 1), or None where switched off.

    ``full``, ``half`` and ``quarter`` are the decoder's gates at that scale, ``esconv``
    the full-scale boundary map of the symplectic convolution.
    """

    full: Tensor | None
    half: Tensor | None
    quarter: Tensor | None
    esconv: Tensor | None


class PMRNetOutput(NamedTuple):
    """Output of the network.

    ``logits`` is (B, out_channels, H, W). ``certainty`` is the raw PGRF map
    ``1 - mean(D)`` over channels, (B, 1, H, W) in (0, 1). ``certainty`` and ``gates``
    are None unless maps were asked for.
    """

    logits: Tensor
    certainty: Tensor | None = None
    gates: Gates | None = None


class PMRNet(nn.Module):
    """Physics-informed Multi-scale Refinement Network.

    B. Kang, "PMRNet: Physics-informed Multi-scale Refinement Network for Medical
    Image Segmentation", CVPR 2026, pp. 15659-15668.

    Shapes: (B, in_channels, H, W) -> logits (B, out_channels, H, W); H and W are
    multiples of 8. 867,676 parameters with three input channels and one output
    channel, 25 more for each further output channel.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the image and of the raw, full-resolution logits.
    esconv, memory_bank, pgrf, boundary_fusion : bool
        Switches for ablation; all on is the published network.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        esconv: bool = True,
        memory_bank: bool = True,
        pgrf: bool = True,
        boundary_fusion: bool = True,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4 = WIDTHS

        def bank(channels: int, n_prototypes: int) -> nn.Module:
            return MemoryBank(channels, n_prototypes) if memory_bank else nn.Identity()

        self.stem = ECB(in_channels, c1)
        self.esconv = ESConv(c1) if esconv else None
        self.encoders = nn.ModuleList(
            [
                nn.Sequential(AdaptiveScale(c1), bank(c1, 8)),
                nn.Sequential(
                    AdaptiveScale(c2), ProgressiveRefinement(c2, 2), bank(c2, 12)
                ),
                nn.Sequential(
                    AdaptiveScale(c3), ProgressiveRefinement(c3, 3), bank(c3, 16)
                ),
            ]
        )
        self.downs = nn.ModuleList([RGDS(c1, c2), RGDS(c2, c3), RGDS(c3, c4)])
        self.bottleneck = ProgressiveRefinement(c4, 3)
        self.pgrf = PGRF(c4, 3) if pgrf else None
        fusion = BoundaryFusion if boundary_fusion else PlainFusion
        self.reducers = nn.ModuleList(
            [pointwise(c4, c3), pointwise(c3, c2), pointwise(c2, c1)]
        )
        self.upsample = nn.Upsample(
            scale_factor=2, mode="bilinear", align_corners=False
        )
        self.fusions = nn.ModuleList([fusion(c) for c in (c3, c2, c1)])
        self.decoders = nn.ModuleList([ECB(c, c) for c in (c3, c2, c1)])
        self.head = nn.Sequential(
            ECB(c1, c1), nn.Dropout2d(0.1), pointwise(c1, out_channels, bias=True)
        )
        self._initialise()

    def _initialise(self) -> None:
        """Kaiming for every convolution first, the physics kernels on top of it.

        Nothing on the meta device, where a network has shapes and no values. There
        torch would load its compiler and with it triton, whose LLVM ends the process
        where Mesa draws the window with one of its own.
        """
        if self.head[-1].weight.is_meta:
            return
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, (ESConv, RotationBranch)):
                module.init_physics()

    def forward(self, x: Tensor, maps: bool = False) -> PMRNetOutput:
        check_size(*x.shape[-2:])
        x = self.stem(x)
        esconv_map = diffusivity = None
        if self.esconv is not None:
            x, esconv_map = self.esconv(x)
        skips = []
        for encode, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encode(x))
            x = down(skips[-1])
        x = self.bottleneck(x)
        if self.pgrf is not None:
            x, diffusivity = self.pgrf(x)
        gates = []
        for reduce, fuse, decode, skip in zip(
            self.reducers, self.fusions, self.decoders, reversed(skips), strict=True
        ):
            x, gate = fuse(self.upsample(reduce(x)), skip)
            x = decode(x)
            gates.append(gate)
        logits = self.head(x)
        if not maps:
            return PMRNetOutput(logits)
        quarter, half, full = gates
        return PMRNetOutput(
            logits, raw_certainty(diffusivity), Gates(full, half, quarter, esconv_map)
        )


def raw_certainty(diffusivity: Tensor | None) -> Tensor | None:
    """Raw PGRF certainty ``1 - mean(D)`` at full resolution.

    Information flows where D is large: there a pixel takes what its neighbours say.

    Shapes: (B, C, H / 8, W / 8) -> (B, 1, H, W); None gives None.
    """
    if diffusivity is None:
        return None
    coarse = 1 - diffusivity.mean(dim=1, keepdim=True)
    return F.interpolate(
        coarse, scale_factor=STRIDE, mode="bilinear", align_corners=False
    )
