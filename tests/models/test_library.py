"""Models are found by names that are file names on every system."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models import available_models, load_model
from napari_pmrnet.models.library import (
    LONGEST_NAME,
    SUFFIX,
    check_name,
    find_weights,
    user_folder,
)


def put(weights: Path, folder: Path, name: str) -> Path:
    """Copy weights and card into a folder under another name."""
    folder.mkdir(exist_ok=True)
    for suffix in (SUFFIX, ".json"):
        shutil.copy(weights.with_suffix(suffix), folder / f"{name}{suffix}")
    return folder / f"{name}{SUFFIX}"


def test_looking_makes_no_folder(library: Path) -> None:
    assert user_folder() == library
    assert available_models() == ["dsb18"]
    with pytest.raises(WeightsError, match="no model 'mine'"):
        find_weights("mine")
    check_name("mine")
    assert not library.exists()


def test_own_models_come_after_the_shipped_one(weights: Path, library: Path) -> None:
    paths = {name: put(weights, library, name) for name in ("v1.2", "Alpha", "beta")}
    put(weights, library, "DSB18")
    (library / "notes.txt").write_text("no model")
    assert available_models() == ["dsb18", "Alpha", "beta", "v1.2"]
    for name, path in paths.items():
        assert find_weights(name) == path
        assert load_model(name, "cpu").name == name
    assert find_weights("dsb18").parent != library


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("x" * (LONGEST_NAME + 1), "65 characters"),
        ("a/b", "/"),
        ("a\\b", r"\\"),
        ("..", "begins with"),
        (".hidden", "begins with"),
        ("-yes", "begins with"),
        ("end.", "ends with"),
        ("end ", "ends with"),
        ("a\nb", "printed"),
        ("a\u202eb", "printed"),
        ("\ud800", "printed"),
        ("NUL", "Windows"),
        ("com1.nuclei", "Windows"),
        ("COM\u00b9", "Windows"),
        ("mine.safetensors", "ending"),
        ("mine.JSON", "ending"),
        ("\U0001d15e" * 64, "too long"),
        ("dsb18", "comes with the package"),
        ("DSB18", "comes with the package"),
        ("mine", "is in the library"),
        ("Mine", "is in the library"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    name: str, reason: str, weights: Path, library: Path
) -> None:
    put(weights, library, "mine")
    with pytest.raises(WeightsError, match=reason):
        check_name(name)


@given(st.text(max_size=LONGEST_NAME + 4))
def test_whatever_is_allowed_makes_files_that_are_found(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    try:
        check_name(name)
    except WeightsError as error:
        assert str(error).endswith(".")
        return
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)
        (folder / "models").mkdir()
        path = folder / "models" / f"{name}{SUFFIX}"
        path.touch()
        assert available_models() == ["dsb18", name]
        assert find_weights(name) == path
        with pytest.raises(WeightsError, match="already"):
            check_name(name)
