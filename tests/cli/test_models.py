"""The library of models in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_pmrnet.cli.app import app
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models import available_models
from napari_pmrnet.models.card import card_path
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.models.user_models import import_model


def run(*arguments: object, code: int = 0, typed: str | None = None) -> str:
    result = CliRunner().invoke(app, ["models", *map(str, arguments)], input=typed)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def refusal(*arguments: object) -> str:
    """Words of an error for the user."""
    result = CliRunner().invoke(app, ["models", *map(str, arguments)])
    assert result.exit_code == 1 and isinstance(result.exception, PMRNetError)
    return str(result.exception)


def test_a_model_s_life(weights: Path, library: Path, tmp_path: Path) -> None:
    assert "'untrained' was verified and imported" in run("import", weights)
    run("import", weights, "--name", "second [red]")
    listed = run("list")
    assert "nuclei" in listed and "shipped" in listed and "second [red]" in listed
    assert f"File: {find_weights('untrained')}" in run("show", "untrained")
    run("rename", "second [red]", "third")
    said = run("export", "third", tmp_path / "third.zip")
    assert str(tmp_path / "third.zip") in said and "belong together" in said
    run("delete", "third", "--yes")
    run("import", tmp_path / "third.zip")
    assert available_models() == ["dsb18", "nuclei", "third", "untrained"]


def test_deleting_asks_first(weights: Path, library: Path) -> None:
    import_model(weights, "mine")
    assert "cannot be undone" in run("delete", "mine", typed="n\n", code=1)
    assert available_models() == ["dsb18", "nuclei", "mine"]
    run("delete", "mine", typed="y\n")
    assert available_models() == ["dsb18", "nuclei"]


def test_refusals_are_words(weights: Path, library: Path, tmp_path: Path) -> None:
    assert "comes with the package" in refusal("delete", "nuclei", "--yes")
    assert "There is no model 'x'" in refusal("rename", "x", "y")
    assert "choose a name that ends in" in refusal("export", "nuclei", "model.pt")
    assert "no such file" in refusal("import", tmp_path / "none.zip")
    import_model(weights, "mine")
    card_path(find_weights("mine")).unlink()
    assert "has no model card" in run("list")
    assert "has no model card" in refusal("show", "mine")


def test_a_network_is_exported_and_checked(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    said = run("export", weights, tmp_path / "net", "--format", "onnx")
    assert f"{tmp_path / 'net.onnx'}: written. Run by onnxruntime on 3 tiles" in said
