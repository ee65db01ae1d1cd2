"""Cellpose 3; of version 4 the network is another one, and larger."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from napari_pmrnet.benchmark.peers.base import Answered, Peer, Timed

SURE = 6.0
FLOW = 5.0
"""Logit of a pixel inside, and the length of its flow, as the network gives them."""


def cellpose(image: np.ndarray, truth: np.ndarray) -> Timed:
    """Build it with the diameter known and as trained for: no scaling, one pass.

    Parameters
    ----------
    image, truth
        As for `Peer.build`.
    """
    labels_to_flows = import_module("cellpose.dynamics").labels_to_flows
    model = import_module("cellpose.models").CellposeModel(
        gpu=False, pretrained_model=False
    )
    _, inside, *flows = labels_to_flows([truth.astype(np.int32)], device=model.device)[
        0
    ]
    logits = np.where(inside > 0, SURE, -SURE).astype(np.float32)
    maps = FLOW * np.array(flows, np.float32)[:, None], logits[None], np.zeros(256)
    model._run_net = network = Answered(model._run_net, maps)

    def run() -> np.ndarray:
        return model.eval(image, channels=[0, 0], diameter=model.diam_mean)[0]

    return Timed(run, network.seconds)


PEERS = (Peer("Cellpose 3", ("cellpose>=3.1,<4",), cellpose),)
