"""Exports that are killed at any moment, and two to one path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from crashes import at_once, forks, killed

from napari_pmrnet.export import bioimageio, onnx
from napari_pmrnet.export.write import export_model
from napari_pmrnet.models import Model
from napari_pmrnet.models.card import card_path

YESTERDAY = b"an export of yesterday"
ENDINGS = (".zip", ".onnx", ".bioimageio.zip")
EVERY_FORMAT = pytest.mark.parametrize("ending", ENDINGS)


@pytest.fixture
def quick(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the writing is done already."""
    described, loaded, tiles = b"type: model\n", {}, np.zeros((2, 3, 64, 64))
    real = onnx.load_for_export
    monkeypatch.setattr(bioimageio, "sample_tiles", lambda _: [tiles])
    monkeypatch.setattr(Model, "predict_tiles", lambda _, found: found)
    monkeypatch.setattr(bioimageio, "_cover", lambda *_: b"a cover")

    def load(name: str) -> Model:
        if name not in loaded:
            loaded[name] = real(name)
        return loaded[name]

    for module in (onnx, bioimageio):
        monkeypatch.setattr(module, "load_for_export", load)
        monkeypatch.setattr(module, "onnx_bytes", lambda _: content)
        monkeypatch.setattr(module, "check_export", lambda *_: "checked")
    monkeypatch.setattr(bioimageio, "_description", lambda *_: described)


def hashes(weights: Path) -> tuple[bytes, bytes]:
    return weights.read_bytes(), card_path(weights).read_bytes()


@forks
@pytest.mark.slow
@pytest.mark.timeout(1800)
@EVERY_FORMAT
def test_two_hundred_killed_exports(
    quick: None, weights: Path, tmp_path: Path, ending: str
) -> None:
    path, whole = tmp_path / "out" / f"a{ending}", tmp_path / f"whole{ending}"
    path.parent.mkdir()
    export_model(str(weights), whole)
    expected, model, seen = whole.read_bytes(), hashes(weights), set()

    def exports() -> None:
        """Export to a free name, then over what is there."""
        while True:
            path.unlink(missing_ok=True)
            export_model(str(weights), path)
            path.write_bytes(YESTERDAY)
            export_model(str(weights), path, overwrite=True)

    for _ in killed(exports, 0.6):
        there = path.read_bytes() if path.exists() else None
        assert there in (expected, None, YESTERDAY, b"")  # empty: killed in the test
        seen.add(there)
        names = {one.name for one in path.parent.iterdir()} - {path.name}
        assert all(name.startswith(".pmrnet-") for name in names)
        for name in names:
            (path.parent / name).unlink()
        assert hashes(weights) == model
    assert {None, YESTERDAY} <= seen
    export_model(str(weights), path, overwrite=True)
    assert path.read_bytes() == expected
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@forks
@EVERY_FORMAT
@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_two_exports_to_one_path(
    quick: None, weights: Path, tmp_path: Path, ending: str, rounds: int
) -> None:
    path, names = tmp_path / f"a{ending}", ("nuclei", str(weights))
    wholes = []
    for name in names:
        export_model(name, path, overwrite=True)
        wholes.append(path.read_bytes())

    def export(name: str, overwrite: bool) -> Callable[[], object]:
        return lambda: export_model(name, path, overwrite=overwrite)

    for _ in range(rounds):
        path.unlink()
        told = at_once(*(export(name, False) for name in names))
        assert sorted(map(bool, told)) == [False, True]
        assert "exists already" in "".join(told)
        assert path.read_bytes() == wholes[told.index("")]
        assert at_once(*(export(name, True) for name in names)) == ["", ""]
        assert path.read_bytes() in wholes
        assert [one.name for one in tmp_path.iterdir()] == [path.name]
