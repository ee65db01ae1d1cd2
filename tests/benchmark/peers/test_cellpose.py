"""Cellpose goes its own way from image to labels, on maps of the true ones."""

import numpy as np
import pytest
from peer_trial import fake, finds_the_true_nuclei

from napari_pmrnet.benchmark.peers import cellpose


def test_it_finds_the_true_nuclei() -> None:
    finds_the_true_nuclei(cellpose.PEERS[0])


def test_it_is_evaluated_without_weights_and_scaling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[np.ndarray] = []

    class Model:
        diam_mean, device = 30.0, "cpu"

        def __init__(self, gpu: bool, pretrained_model: bool) -> None:
            assert not gpu and not pretrained_model

        def _run_net(self, image: np.ndarray) -> None:
            ran.append(image)

        def eval(
            self, image: np.ndarray, channels: list[int], diameter: float
        ) -> tuple[np.ndarray, list, np.ndarray]:
            assert channels == [0, 0] and diameter == self.diam_mean
            flows, logits, style = self._run_net(image)
            assert flows.shape == (2, 1, 6, 6)
            return (logits[0] > 0).astype(np.uint16), [], style

    truth = np.eye(6, dtype=np.int32)
    maps = [[labels, labels > 0, labels, labels] for labels in [truth]]
    fake(monkeypatch, "cellpose.dynamics", labels_to_flows=lambda *_, **__: maps)
    fake(monkeypatch, "cellpose.models", CellposeModel=Model)
    one = cellpose.cellpose(truth.astype(np.uint8), truth)
    np.testing.assert_array_equal(one.run(), truth)
    assert len(ran) == len(one.network) == 1
