"""A network that gives the maps of `Model.predict_windows`, for export."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_pmrnet.network.inference import inference_form
from napari_pmrnet.pretrained.model import Model, activate


class Activated(nn.Module):
    """Inference form of a model's network, maps joined in the order of `map_names`.

    Shapes: (N, 3, h, w) in [0, 1] -> (N, len(map_names()), h, w).
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = inference_form(model.network)
        self.channels = model.channels

    def forward(self, windows: Tensor) -> Tensor:
        logits, certainty, gates = self.network(windows, maps=True)
        maps = [activate(logits, self.channels), gates.full, certainty]
        return torch.cat(maps, dim=1)
