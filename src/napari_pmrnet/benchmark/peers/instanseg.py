"""InstanSeg, with the settings that its training script has by default."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch

from napari_pmrnet.benchmark.peers.base import Answered, Peer, Timed
from napari_pmrnet.benchmark.peers.targets import to_centre
from napari_pmrnet.training.targets import inner_distance

LAYERS = (256, 128, 64, 32)
COORDINATES, SIGMAS, SEEDS = 2, 2, 1
WIDTH = 5
UNIT = 64 / 256
"""Length of a pixel in its coordinates."""


def instanseg(image: np.ndarray, truth: np.ndarray) -> Timed:
    """Build it for one channel, in its own pixel size.

    Parameters
    ----------
    image, truth
        As for `Peer.build`.
    """
    loss = import_module("instanseg.utils.loss.instanseg_loss")
    networks = import_module("instanseg.utils.models.InstanSeg_UNet")
    normalize = import_module("instanseg.utils.utils").percentile_normalize
    outputs = [[COORDINATES, SIGMAS, SEEDS]]
    network = networks.InstanSeg_UNet(
        in_channels=1, out_channels=outputs, layers=list(LAYERS)
    )
    network.pixel_classifier = loss.ProbabilityNet(COORDINATES + SIGMAS, width=WIDTH)
    _tell_by_distance(network.pixel_classifier)
    model = loss.InstanSeg_Torchscript(
        network, pixel_size=0.5, n_sigma=SIGMAS, backbone_dim_in=1
    )
    answered = Answered(model.fcn, _maps(truth))
    del model.fcn
    model.fcn = answered

    @torch.inference_mode()
    def run() -> np.ndarray:
        # As its eval_small_image, which takes a model from TorchScript alone.
        seen = normalize(torch.from_numpy(image[None]).float())
        return model(seen[None])[0, 0].int().numpy()

    return Timed(run, answered.seconds)


def _maps(truth: np.ndarray) -> torch.Tensor:
    """Coordinates, sigmas and seeds (1, 5, H, W); sigma is 1 outside."""
    # Its vectors reach 16 pixels.
    fields = np.clip(to_centre(truth)[::-1] * UNIT / 8 + 0.5, 0.01, 0.99)
    coordinates = np.log(fields / (1 - fields))
    sigmas = np.stack([truth == 0, np.zeros_like(truth)])
    seeds = 15 * (inner_distance(truth)[None] - 0.5)
    return torch.from_numpy(np.concatenate([coordinates, sigmas, seeds])[None]).float()


@torch.no_grad()
def _tell_by_distance(classifier: Any) -> None:
    """Weights that take a pixel for one of a nucleus if it points to its centre.

    Trained ones tell the same from coordinates and sigmas; the work is equal.
    """
    for layer in (classifier.fc1, classifier.fc2, classifier.fc3):
        layer.weight.zero_()
        layer.bias.zero_()
    for unit, (channel, sign) in enumerate(((0, 1), (0, -1), (1, 1), (1, -1), (2, 1))):
        classifier.fc1.weight[unit, channel] = sign
    classifier.fc2.weight.copy_(torch.eye(WIDTH))
    classifier.fc3.weight.copy_(torch.tensor([[-4.0, -4.0, -4.0, -4.0, -16.0]]))
    classifier.fc3.bias.fill_(4.0)


PEERS = (Peer("InstanSeg", ("instanseg-torch", "seaborn"), instanseg),)
