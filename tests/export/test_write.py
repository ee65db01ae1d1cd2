"""Models on their way out: the format, the file, and what is missing for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_pmrnet.errors import PMRNetError, WeightsError
from napari_pmrnet.export.write import export_model, format_of


@pytest.mark.parametrize("name", ["m.onnx", "m.bioimageio.zip"])
def test_a_missing_package_is_named_with_the_remedy(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    monkeypatch.setattr("napari_pmrnet._software._found", lambda _: None)
    with pytest.raises(PMRNetError, match=r"napari-pmrnet\[export\]"):
        export_model(str(weights), tmp_path / name)


def test_formats_are_told_by_their_endings(weights: Path, tmp_path: Path) -> None:
    for name, kind in (
        ("a.zip", "zip"),
        ("a.ONNX", "onnx"),
        ("a.bioimageio.zip", "bioimageio"),
    ):
        assert format_of(name) == kind
    for name in ("a.pt", "zip", ""):
        with pytest.raises(WeightsError, match="ends in"):
            format_of(name)
    with pytest.raises(WeightsError, match="no format 'pickle'"):
        export_model(str(weights), tmp_path / "a.zip", "pickle")
    assert export_model(str(weights), tmp_path / "b", "zip").path.name == "b.zip"


def test_exports_of_one_model_are_the_same_bytes(weights: Path, tmp_path: Path) -> None:
    first = export_model(str(weights), tmp_path / "a.zip").path.read_bytes()
    assert export_model(str(weights), tmp_path / "b.zip").path.read_bytes() == first
