"""InstanSeg goes its own way from image to labels, on maps of the true ones."""

from typing import Any

import numpy as np
import pytest
import torch
from peer_trial import fake, finds_the_true_nuclei
from torch import nn

from napari_pmrnet.benchmark.peers import instanseg


def test_it_finds_the_true_nuclei() -> None:
    finds_the_true_nuclei(instanseg.PEERS[0])


class Classifier(nn.Module):
    """What tells pixels of a nucleus, as InstanSeg has it."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(inputs, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(features)))))


def test_pixels_that_point_to_the_centre_belong_to_the_nucleus() -> None:
    classifier = Classifier(4, instanseg.WIDTH)
    instanseg._tell_by_distance(classifier)
    features = [[0, 0, 0, 0], [0.5, -0.4, 0, 0], [0, 0, 1, 0], [3, 0, 0, 0]]
    told = classifier(torch.tensor(features, dtype=torch.float32)) > 0
    assert told[:, 0].tolist() == [True, True, False, False]


def test_its_whole_way_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(nn.Module):
        def __init__(self, network: nn.Module, **settings: Any) -> None:
            super().__init__()
            self.fcn = nn.Identity()

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            assert image.shape == (1, 1, 8, 8)
            maps = self.fcn(image)
            assert maps.shape == (1, 5, 8, 8) and torch.isfinite(maps).all()
            return (maps[:, 4:] > -7.5).float()

    class Network(nn.Module):
        def __init__(self, **settings: Any) -> None:
            super().__init__()

    above = "instanseg.utils"
    loss = {"InstanSeg_Torchscript": Whole, "ProbabilityNet": Classifier}
    fake(monkeypatch, "instanseg")
    fake(monkeypatch, f"{above}.utils", percentile_normalize=lambda image: image)
    fake(monkeypatch, f"{above}.loss.instanseg_loss", **loss)
    fake(monkeypatch, f"{above}.models.InstanSeg_UNet", InstanSeg_UNet=Network)
    truth = np.zeros((8, 8), np.int32)
    truth[1:6, 1:6] = 1
    one = instanseg.instanseg(truth.astype(np.uint8), truth)
    np.testing.assert_array_equal(one.run(), truth)
    assert len(one.network) == 1


def test_vectors_of_large_nuclei_are_finite() -> None:
    assert torch.isfinite(instanseg._maps(np.ones((64, 64), np.int32))).all()
