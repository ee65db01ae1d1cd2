"""The network as a model of OpenVINO, made by torch's tracing."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from napari_pmrnet.models.card_checks import IN_CHANNELS
from napari_pmrnet.network import STRIDE
from napari_pmrnet.network.inference import inference_form


class _Flat(nn.Module):
    """A network whose output is one flat tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tiles: Tensor) -> tuple[Tensor, ...]:
        logits, certainty, gates = self.network(tiles, maps=True)
        return (logits, certainty, *gates)


def convert(network: nn.Module) -> Any:
    """Convert the inference form of a network.

    Returns
    -------
    openvino.Model
        (1, C, h, w) -> logits, certainty and the four gates.
    """
    # openvino.convert_model does the same, but reports its use over the network. The
    # decoder is in no public interface: should a version lack it, make_backend falls
    # back to PyTorch and says so.
    frontends = import_module("openvino.frontend")
    decoders = import_module("openvino.frontend.pytorch.ts_decoder")
    example = torch.zeros(1, IN_CHANNELS, 8 * STRIDE, 8 * STRIDE)
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing is deprecated in favour of torch.export, which takes longer to load
        # and to run; check_size is constant.
        warnings.simplefilter("ignore")
        flat = _Flat(inference_form(network))
        decoder = decoders.TorchScriptPythonDecoder(
            torch.jit.trace(flat, example, check_trace=False)
        )
        frontend = frontends.FrontEndManager().load_by_framework("pytorch")
        source = frontend.load(decoder)
        model = frontend.convert(source)
    model.reshape([1, IN_CHANNELS, -1, -1])
    return model
