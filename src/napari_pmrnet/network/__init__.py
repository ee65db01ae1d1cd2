"""The network of the paper, torch only: one module of the paper a file."""

from napari_pmrnet.network.pmrnet import STRIDE, Gates, PMRNet, PMRNetOutput

__all__ = ["STRIDE", "Gates", "PMRNet", "PMRNetOutput"]
