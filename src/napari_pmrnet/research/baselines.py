"""Networks to compare PMRNet with, from MONAI, which is imported when one is built."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.benchmark.tiles import UNET, reference_unet
from napari_pmrnet.network import PMRNetOutput

UNETPLUSPLUS_FEATURES = (32, 64, 128, 256, 512, 32)
ATTENTION_CHANNELS = (64, 128, 256, 512, 1024)
HALVINGS = 16


class LogitsOnly(nn.Module):
    """A network of logits alone, in the place of PMRNet.

    What it gives may be a list, of which the first entry counts. Sizes that four
    halvings do not divide are padded and cut again.

    Shapes: (B, 3, H, W) -> logits (B, out_channels, H, W); no maps.

    Parameters
    ----------
    network : Module
        (B, 3, H, W) -> (B, out_channels, H, W).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, maps: bool = False) -> PMRNetOutput:
        height, width = images.shape[-2:]
        padding = (0, -width % HALVINGS, 0, -height % HALVINGS)
        if any(padding):
            images = F.pad(images, padding, mode="replicate")
        logits = self.network(images)
        if isinstance(logits, list | tuple):
            logits = logits[0]
        return PMRNetOutput(logits[..., :height, :width])


def _unetplusplus(out_channels: int) -> nn.Module:
    """A U-Net++ of five levels, 32 to 512 channels, with batch norm."""
    from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus

    return BasicUNetPlusPlus(
        features=UNETPLUSPLUS_FEATURES, out_channels=out_channels, **UNET
    )


def _attention_unet(out_channels: int) -> nn.Module:
    """An attention U-Net of five levels, 64 to 1024 channels."""
    from monai.networks.nets.attentionunet import AttentionUnet

    return AttentionUnet(
        spatial_dims=2,
        in_channels=3,
        out_channels=out_channels,
        channels=ATTENTION_CHANNELS,
        strides=(2, 2, 2, 2),
    )


BASELINES = {
    "unet": reference_unet,
    "unetplusplus": _unetplusplus,
    "attention_unet": _attention_unet,
}
"""Names of the networks, and what builds each from its number of outputs."""
