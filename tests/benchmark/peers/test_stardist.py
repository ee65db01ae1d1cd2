"""StarDist goes its own way from image to labels, on maps of the true ones."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peer_trial import fake, finds_the_true_nuclei

from napari_pmrnet.benchmark.peers import stardist

IMAGE = np.arange(64, dtype=np.uint8).reshape(8, 8)
TRUTH = np.zeros((8, 8), np.int32)
TRUTH[1:7, 1:7] = 1


@pytest.mark.parametrize("peer", stardist.PEERS, ids=lambda peer: peer.name)
def test_it_finds_the_true_nuclei(peer) -> None:
    finds_the_true_nuclei(peer)


@pytest.mark.parametrize("grid", [1, 2])
def test_keras_is_asked_for_instances(
    monkeypatch: pytest.MonkeyPatch, grid: int
) -> None:
    asked: list[object] = []

    class Model:
        def __init__(self, config: dict, basedir: object) -> None:
            assert basedir is None and config["grid"] == (grid, grid)
            self.keras_model = SimpleNamespace(predict=asked.append)

        def predict_instances(self, image: np.ndarray) -> tuple[np.ndarray, dict]:
            probability, rays = self.keras_model.predict(image)
            assert probability.shape == (1, 8 // grid, 8 // grid, 1)
            assert rays.shape == (1, 8 // grid, 8 // grid, stardist.RAYS)
            return (probability[0, ..., 0] > 0).astype(int), {}

    threading = SimpleNamespace(set_intra_op_parallelism_threads=asked.append)
    fake(monkeypatch, "tensorflow", config=SimpleNamespace(threading=threading))
    fake(monkeypatch, "csbdeep.utils", normalize=lambda image, low, high: image)
    fake(monkeypatch, "stardist.models", Config2D=dict, StarDist2D=Model)
    one = stardist.keras(IMAGE, TRUTH, grid)
    np.testing.assert_array_equal(one.run(), TRUTH[::grid, ::grid])
    assert asked[0] == torch.get_num_threads() and asked[1] is IMAGE
    assert len(one.network) == 1


def test_the_port_is_asked_for_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        def __init__(self, net: object, config: dict, *_: object, device: str) -> None:
            self.net = net

        def predict_instances(self, image: np.ndarray) -> tuple[np.ndarray, dict]:
            probability, rays = self.net(image)
            assert rays.shape == (1, stardist.RAYS, 4, 4)
            return (probability[0, 0] > 0).int().numpy(), {}

    fake(
        monkeypatch,
        "cistardist_pytorch.model",
        StarDist2D=Model,
        StarDist2DConfig=SimpleNamespace(from_dict=dict),
        StarDist2DNet=lambda config: len,
    )
    one = stardist.pytorch(IMAGE, TRUTH)
    np.testing.assert_array_equal(one.run(), TRUTH[::2, ::2])
    assert len(one.network) == 1
