"""A peer that is there is timed; one that is not, or fails, costs itself alone."""

import subprocess
import sys

import numpy as np
import pytest

from napari_pmrnet.benchmark.peers import base
from napari_pmrnet.benchmark.peers.base import Answered, Peer, Timed, build

IMAGE = np.zeros((8, 8), np.uint8)
TRUTH = np.eye(8, dtype=np.int32)
HEAVY = ("stardist", "tensorflow", "cellpose", "instanseg", "cistardist_pytorch")


def answers(image: np.ndarray, truth: np.ndarray) -> Timed:
    network = Answered(lambda seen: seen.sum(), truth)
    return Timed(lambda: network(image), network.seconds)


def fails(image: np.ndarray, truth: np.ndarray) -> Timed:
    raise TypeError("another\nversion")


def fails_later(image: np.ndarray, truth: np.ndarray) -> Timed:
    return Timed(lambda: fails(image, truth).run(), [])


def test_what_can_be_run_is_built_and_tried() -> None:
    peers = [
        Peer("good", ("numpy>=1",), answers),
        Peer("old", ("numpy<1", "scipy"), answers),
        Peer("gone", ("surely-not-there",), answers),
        Peer("bad", ("numpy",), fails),
        Peer("worse", ("numpy",), fails_later),
    ]
    built, missing = build(peers, IMAGE, TRUTH)
    assert list(built) == ["good"] and "1 nuclei" in built["good"].note
    assert len(built["good"].network) == 1
    told = {row.what: row.note for row in missing}
    assert told["old"] == (
        f'numpy {np.__version__} does not fit: pip install "numpy<1" scipy'
    )
    assert told["gone"] == "not installed: pip install surely-not-there"
    assert told["bad"] == told["worse"] == "not measured: TypeError: another version"
    assert peers[1].packages == ("numpy", "scipy")


def test_a_package_may_come_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"tensorflow_by_module": ["numpy"]}
    monkeypatch.setattr(base, "packages_distributions", lambda: named)
    peer = Peer("renamed", ("tensorflow_by_module",), answers)
    assert not peer.lacks() and peer.packages == ("numpy",)


def test_peers_are_imported_when_they_are_built() -> None:
    code = (
        "import sys; from napari_pmrnet.benchmark.peers import PEERS; "
        f"assert PEERS and not set({HEAVY}) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
