"""Models are found by names that are file names on every system."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models import available_models, load_model, shared_model
from napari_pmrnet.models import library as library_module
from napari_pmrnet.models.library import (
    LONGEST_NAME,
    RENAMED,
    SUFFIX,
    _tell_hidden,
    check_name,
    current_name,
    find_weights,
    user_folder,
)
from napari_pmrnet.models.user_models import delete_model, rename_model


def put(weights: Path, folder: Path, name: str) -> Path:
    """Copy weights and card into a folder under another name."""
    folder.mkdir(exist_ok=True)
    for suffix in (SUFFIX, ".json"):
        shutil.copy(weights.with_suffix(suffix), folder / f"{name}{suffix}")
    return folder / f"{name}{SUFFIX}"


def test_looking_makes_no_folder(library: Path) -> None:
    assert user_folder() == library
    assert available_models() == ["dsb18", "nuclei"]
    with pytest.raises(WeightsError, match="no model 'mine'"):
        find_weights("mine")
    check_name("mine")
    assert not library.exists()


def test_own_models_come_after_the_shipped_one(weights: Path, library: Path) -> None:
    paths = {name: put(weights, library, name) for name in ("v1.2", "Alpha", "beta")}
    put(weights, library, "DSB18")
    (library / "notes.txt").write_text("no model")
    assert available_models() == ["dsb18", "nuclei", "Alpha", "beta", "v1.2"]
    for name, path in paths.items():
        assert find_weights(name) == path
        assert load_model(name, "cpu").name == name
    assert find_weights("nuclei").parent != library


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
        ("nuclei", "comes with the package"),
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
        assert available_models() == ["dsb18", "nuclei", name]
        assert find_weights(name) == path
        with pytest.raises(WeightsError, match="already"):
            check_name(name)


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> str:
    """A former name of the shipped model."""
    monkeypatch.setitem(RENAMED, "cells 1.0", "nuclei")
    library_module._tell.cache_clear()
    return "cells 1.0"


def test_a_former_name_leads_to_the_model_and_says_so_once(
    renamed: str, library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_weights(renamed) == find_weights("nuclei")
    assert load_model(renamed, "cpu").name == "nuclei"
    assert shared_model(renamed, "cpu") is shared_model("nuclei", "cpu")
    said = [r.getMessage() for r in caplog.records if "called" in r.getMessage()]
    assert said == [
        "The model 'cells 1.0' is called 'nuclei' now; the old name leads to it."
    ]
    assert available_models() == ["dsb18", "nuclei"]
    for change in (lambda: rename_model(renamed, "new"), lambda: delete_model(renamed)):
        with pytest.raises(WeightsError, match="'nuclei' comes with the package"):
            change()


def test_a_model_of_that_name_in_the_library_goes_first(
    renamed: str, weights: Path, library: Path
) -> None:
    own = put(weights, library, renamed)
    assert find_weights(renamed) == own
    assert current_name(renamed) == renamed


@given(st.text(max_size=12))
def test_other_names_and_paths_stay_as_they_are(name: str) -> None:
    assert current_name(name) == name


def test_a_model_that_a_shipped_one_hides_is_named(
    weights: Path, library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _tell_hidden.cache_clear()
    put(weights, library, "Nuclei")
    for _ in range(2):
        assert available_models() == ["dsb18", "nuclei"]
    (record,) = caplog.records
    assert "Your own model 'Nuclei' is not offered" in record.message
    assert str(library) in record.message
