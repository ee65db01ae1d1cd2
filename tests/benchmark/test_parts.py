"""The steps of a run are timed, and labels compared with those of the CPU."""

from pathlib import Path

import pytest

from napari_pmrnet.benchmark.parts import against_cpu, parts
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose
from napari_pmrnet.segmentation import on_device
from napari_pmrnet.segmentation.segment import segment


def test_with_the_cpu_for_a_gpu(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_openvino", lambda: False)
    monkeypatch.setattr(on_device, "CAPABLE", ("cpu",))
    image, _ = make_fluorescence((96, 80))
    model = load_model(weights, "cpu")
    found = segment(image, model=model)
    rows = {row.what: row for row in parts(model, image, found, 1)}
    assert rows["network"].note == "tiles of 64 x 64: 4"
    assert rows["following flows, labels"].median > 0
    (cpu,) = against_cpu(weights, image, found)
    assert cpu.median > 0 and "0 pixels differ" in cpu.note
