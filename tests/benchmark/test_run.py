"""The benchmark prints its conditions, and names what it left out."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pmrnet.benchmark import files, run
from napari_pmrnet.benchmark.peers.base import Peer, Timed
from napari_pmrnet.models.backends import choose, openvino


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A benchmark of small pictures without OpenVINO and MONAI; what it said."""
    monkeypatch.setattr(run, "MEGAPIXEL", (96, 80))
    monkeypatch.setattr(files, "SIDE", 80)
    monkeypatch.setattr(files, "COUNT", 2)
    monkeypatch.setattr(choose, "has_openvino", lambda: False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    openvino._core.cache_clear()
    monkeypatch.setitem(sys.modules, "monai", None)
    for name in ("nets", "nets.basic_unet"):
        monkeypatch.setitem(sys.modules, f"monai.networks.{name}", None)
    return []


@pytest.mark.slow
def test_every_table_is_filled_and_what_is_not_installed_is_said(
    weights: Path, small: list[str]
) -> None:
    def build(image: np.ndarray, truth: np.ndarray) -> Timed:
        network: list[float] = []

        def segment() -> np.ndarray:
            network.append(0.25)
            return truth

        return Timed(segment, network, "as said")

    peers = (
        Peer("installed", ("numpy",), build),
        Peer("absent", ("surely-not-installed>=3",), build),
    )
    report = run.run_benchmark(weights, "cpu", 1, small.append, peers)
    tiles, whole, steps, slider, on_disk = report.tables.values()
    torch_row, unet, openvino, graphs = tiles
    assert torch_row.what == "PMRNet, PyTorch" and torch_row.median > 0
    assert unet.median is None and "monai" in unet.note
    assert openvino.median is None and "not measured" in openvino.note
    assert graphs.median is None and "not on cpu" in graphs.note
    *ours, peer, absent = whole
    assert ours[0].times == 1 and "nuclei" in ours[0].note
    assert {row.threads for row in ours} == {torch.get_num_threads(), 1}
    assert all(row.cpu > 0 for row in ours)
    assert peer.what == "installed" and peer.times == peer.median / ours[0].median
    assert "network 0.25 s; as said" in peer.note
    assert absent.note == 'not installed: pip install "surely-not-installed>=3"'
    assert [row.what for row in steps][:2] == ["intensities", "cutting tiles"]
    assert all(row.median > 0 for row in steps)
    assert slider[0].median > 0
    folder, command = on_disk
    assert folder.median > 0 and command.median > folder.median * 80 * 80 / 1e6
    assert len(small) == 5
    for name in ("processor", "cores", "threads", "type", "backend", "versions"):
        assert report.conditions[name]
    versions = report.conditions["versions"]
    assert f"torch {torch.__version__}" in versions
    assert "surely-not-installed not installed" in versions


def test_a_timed_model_keeps_every_call(weights: Path) -> None:
    model = run.load_model(weights, "cpu", "pytorch")
    timed = run.TimedModel(
        model.name, model.card, model.weights, model.device, "pytorch"
    )
    tile = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    maps = timed.predict_tiles(tile)
    np.testing.assert_array_equal(maps, model.predict_tiles(tile))
    assert len(timed.spent) == 1 and timed.spent[0] > 0
