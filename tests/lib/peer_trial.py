"""A peer on a generated image: its later steps must find what the maps hold."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_pmrnet.benchmark.peers.base import Peer
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.evaluation.instance import average_precision, match


def finds_the_true_nuclei(peer: Peer) -> None:
    """Run a peer that is installed; skip one that is not."""
    if peer.lacks():
        pytest.skip(f"{peer.name}: {peer.lacks()}")
    image, truth = make_fluorescence((256, 256))
    one = peer.build(image, truth)
    found = one.run().astype(np.int32)
    assert found.shape == truth.shape and len(one.network) == 1
    assert average_precision(match(truth, found, [0.5]))[0] > 0.9


def fake(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    """Put a module of this name into the place of one that may not be installed."""
    module = ModuleType(name)
    vars(module).update(contents, IS_FAKE=True)
    monkeypatch.setitem(sys.modules, name, module)
    above, _, last = name.rpartition(".")
    if above:
        if not getattr(sys.modules.get(above), "IS_FAKE", False):
            fake(monkeypatch, above)
        monkeypatch.setattr(sys.modules[above], last, module, raising=False)
