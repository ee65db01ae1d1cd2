"""The benchmark takes turns, prints its conditions, and names what it left out."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pmrnet import benchmark
from napari_pmrnet.benchmark import Report, Row, as_markdown, take_turns
from napari_pmrnet.models.backends import choose


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A benchmark of small pictures without OpenVINO and MONAI."""
    told: list[str] = []
    monkeypatch.setattr(benchmark, "MEGAPIXEL", (96, 80))
    monkeypatch.setattr(choose, "has_openvino", lambda: False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setitem(sys.modules, "monai", None)
    for name in ("nets", "nets.basic_unet"):
        monkeypatch.setitem(sys.modules, f"monai.networks.{name}", None)
    return told


def test_candidates_take_turns_after_one_that_does_not_count() -> None:
    calls: list[str] = []
    seconds = take_turns(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3
    )
    assert "".join(calls) == "abababab"
    assert {name: len(spent) for name, spent in seconds.items()} == {"a": 3, "b": 3}


def test_what_is_not_installed_is_said(weights: Path, small: list[str]) -> None:
    report = benchmark.run_benchmark(weights, "cpu", 1, small.append)
    tiles, whole, slider = report.tables.values()
    torch_row, unet, openvino, graphs = tiles
    assert torch_row.what == "PMRNet, PyTorch" and torch_row.median > 0
    assert unet.median is None and "monai" in unet.note
    assert openvino.median is None and "not measured" in openvino.note
    assert graphs.median is None and "not on cpu" in graphs.note
    way, network, rest = whole
    assert way.median == pytest.approx(network.median + rest.median)
    assert 0 < network.median < way.median and slider[0].median > 0
    assert len(small) == 3
    for name in ("processor", "cores", "threads", "type", "backend", "versions"):
        assert report.conditions[name]
    assert f"torch {torch.__version__}" in report.conditions["versions"]


def test_a_timed_model_keeps_every_call(weights: Path) -> None:
    model = benchmark.load_model(weights, "cpu", "pytorch")
    timed = benchmark.TimedModel(
        model.name, model.card, model.network, model.device, "pytorch"
    )
    tile = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    maps = timed.predict_tiles(tile)
    np.testing.assert_array_equal(maps, model.predict_tiles(tile))
    assert len(timed.spent) == 1 and timed.spent[0] > 0


def test_tables_are_markdown_in_milliseconds() -> None:
    rows = [Row("fast", 0.0312, 0.03, "note"), Row("absent", note="not measured")]
    text = as_markdown(Report({"cores": "2"}, {"Windows": rows}))
    assert text.splitlines() == [
        "- cores: 2",
        "",
        "| Windows | median, ms | fastest, ms | |",
        "| --- | --- | --- | --- |",
        "| fast | 31 | 30 | note |",
        "| absent |  |  | not measured |",
    ]
