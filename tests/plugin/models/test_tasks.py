"""Work of the dock in other threads, and the names that it proposes."""

from pathlib import Path

import pytest

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.export.write import BIOIMAGEIO, ONNX, ZIP
from napari_pmrnet.models.library import LONGEST_NAME
from napari_pmrnet.models.user_models import import_model
from napari_pmrnet.plugin.models.tasks import (
    FORMATS,
    exporting,
    free_name,
    refusal,
    verifying,
    with_ending,
)


def test_proposed_names_and_endings(weights: Path, library: Path) -> None:
    import_model(weights, "x" * LONGEST_NAME)
    assert free_name("x" * LONGEST_NAME) == f"{'x' * (LONGEST_NAME - 5)} 2"
    assert free_name("new") == "new" and free_name("a/b") == ""
    for typed, kind, meant in (
        ("a", ONNX, "a.onnx"),
        ("a.v1", ONNX, "a.v1.onnx"),
        ("a", BIOIMAGEIO, "a.bioimageio.zip"),
        ("a.zip", BIOIMAGEIO, "a.zip"),
        ("a.ONNX", ONNX, "a.ONNX"),
    ):
        assert with_ending(Path(typed), kind).name == meant


def test_the_reason_against_a_name_is_said(library: Path) -> None:
    assert refusal("fine name") == ""
    assert "a/b" in refusal("a/b")
    assert refusal("nuclei")


def test_a_model_is_verified_and_exported_as_it_is(
    weights: Path, library: Path, tmp_path: Path
) -> None:
    assert verifying(weights).name == "untrained"
    (tmp_path / "broken.safetensors").write_bytes(b"none")
    with pytest.raises(WeightsError, match=r"broken\.json is not beside it"):
        verifying(tmp_path / "broken.safetensors")
    done = exporting(str(weights), tmp_path / "out.zip", ZIP)
    assert verifying(done.path).card.sha256 == verifying(weights).card.sha256


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_has_the_ending_that_its_dialog_shows(kind: str) -> None:
    known = FORMATS[kind]
    assert f"*{known.suffix}" in known.files
    assert with_ending(Path("a"), kind).name == f"a{known.suffix}"
    twice = with_ending(with_ending(Path("a"), kind), kind)
    assert twice.name == f"a{known.suffix}"
