"""StarDist in Keras and in PyTorch, set up as its model for fluorescence."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from napari_pmrnet.benchmark.peers.base import Answered, Peer, Timed
from napari_pmrnet.benchmark.peers.targets import star
from napari_pmrnet.training.targets import inner_distance

RAYS = 32
FEATURES = 128
PROBABILITY, OVERLAP = 0.479, 0.3
"""Thresholds of the published model 2D_versatile_fluo."""


def keras(image: np.ndarray, truth: np.ndarray, grid: int) -> Timed:
    """Build the original, which needs TensorFlow.

    Parameters
    ----------
    image, truth
        As for `Peer.build`.
    grid : int
        1, or 2 as the published models.
    """
    models = import_module("stardist.models")
    normalize = import_module("csbdeep.utils").normalize
    threads = torch.get_num_threads()
    import_module("tensorflow").config.threading.set_intra_op_parallelism_threads(
        threads
    )
    config = models.Config2D(
        grid=(grid, grid), n_rays=RAYS, net_conv_after_unet=FEATURES, n_channel_in=1
    )
    model = models.StarDist2D(config, basedir=None)
    model.thresholds = {"prob": PROBABILITY, "nms": OVERLAP}
    maps = (
        inner_distance(truth)[None, ::grid, ::grid, None],
        star(truth, RAYS, grid)[None],
    )
    network = Answered(model.keras_model.predict, maps)
    model.keras_model = SimpleNamespace(predict=network)

    def run() -> np.ndarray:
        return model.predict_instances(normalize(image, 1, 99.8))[0]

    return Timed(run, network.seconds)


def pytorch(image: np.ndarray, truth: np.ndarray) -> Timed:
    """Build the port to PyTorch, which has a grid of 2.

    Parameters
    ----------
    image, truth
        As for `Peer.build`.
    """
    port = import_module("cistardist_pytorch.model")
    settings: dict[str, Any] = {
        "n_dim": 2,
        "axes": "YXC",
        "n_channel_in": 1,
        "n_channel_out": RAYS + 1,
        "n_rays": RAYS,
        "grid": (2, 2),
        "backbone": "unet",
        "unet_n_depth": 3,
        "unet_kernel_size": (3, 3),
        "unet_n_filter_base": 32,
        "unet_n_conv_per_depth": 2,
        "unet_pool": (2, 2),
        "unet_activation": "relu",
        "unet_last_activation": "relu",
        "unet_batch_norm": False,
        "unet_dropout": 0.0,
        "net_conv_after_unet": FEATURES,
    }
    config = port.StarDist2DConfig.from_dict(settings)
    thresholds = {"prob": PROBABILITY, "nms": OVERLAP}
    model = port.StarDist2D(
        port.StarDist2DNet(config), config, thresholds, device="cpu"
    )
    maps = (
        inner_distance(truth)[None, None, ::2, ::2],
        star(truth, RAYS, 2).transpose(2, 0, 1),
    )
    answer = torch.from_numpy(maps[0].copy()), torch.from_numpy(maps[1][None].copy())
    model.net = network = Answered(model.net, answer)
    return Timed(lambda: model.predict_instances(image)[0], network.seconds)


PEERS = (
    Peer(
        "StarDist, Keras, grid 2",
        ("stardist", "tensorflow"),
        lambda image, truth: keras(image, truth, 2),
    ),
    Peer(
        "StarDist, Keras, grid 1",
        ("stardist", "tensorflow"),
        lambda image, truth: keras(image, truth, 1),
    ),
    Peer("StarDist, PyTorch, grid 2", ("cistardist-pytorch",), pytorch),
)
