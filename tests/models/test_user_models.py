"""What comes into the library is verified, and what leaves it is whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from napari_pmrnet.errors import DataError, PMRNetError, WeightsError
from napari_pmrnet.export.write import export_model
from napari_pmrnet.models import available_models, load_model
from napari_pmrnet.models.card import card_path, read_card
from napari_pmrnet.models.card_text import entries, summary
from napari_pmrnet.models.library import SUFFIX, find_weights
from napari_pmrnet.models.user_models import delete_model, import_model, rename_model


def test_a_model_goes_out_in_and_about(
    source: Path, library: Path, tmp_path: Path
) -> None:
    assert import_model(source) == "untrained"
    exported = export_model("untrained", tmp_path / "untrained.zip")
    assert import_model(exported.path, "Zürich 2") == "Zürich 2"
    rename_model("Zürich 2", "zürich 2")
    assert available_models() == ["dsb18", "nuclei", "untrained", "zürich 2"]
    model = load_model("zürich 2", "cpu")
    assert model.name == model.card.name == "zürich 2"
    assert model.card.updated(name="") == read_card(source).updated(name="")
    for name, tensor in load_file(source).items():
        torch.testing.assert_close(model.network.state_dict()[name], tensor)
    delete_model("zürich 2")
    delete_model("untrained")
    assert available_models() == ["dsb18", "nuclei"] and not list(library.iterdir())


def test_shipped_models_stay(library: Path) -> None:
    for change in (delete_model, lambda name: rename_model(name, "mine")):
        with pytest.raises(WeightsError, match="comes with the package"):
            change("nuclei")
    assert find_weights("nuclei").is_file()


def test_taken_and_missing_names_are_refused(source: Path, library: Path) -> None:
    import_model(source)
    for change in (
        lambda: import_model(source),
        lambda: import_model(source, "Untrained"),
        lambda: import_model(source, "DSB18"),
        lambda: rename_model("untrained", "nuclei"),
        lambda: rename_model("untrained", "../out"),
        lambda: rename_model("nonesuch", "other"),
        lambda: delete_model("nonesuch"),
        lambda: delete_model(str(source)),
    ):
        with pytest.raises(WeightsError):
            change()
    assert available_models() == ["dsb18", "nuclei", "untrained"] and source.is_file()


def test_a_full_disk_leaves_nothing_behind(
    source: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(target: Path, *_: Any) -> None:
        raise DataError(f"{target}: no room.")

    monkeypatch.setattr("napari_pmrnet.io.write.replace_files", full)
    with pytest.raises(DataError, match="no room"):
        import_model(source)
    assert not list(library.iterdir()) and available_models() == ["dsb18", "nuclei"]


def test_a_name_stays_if_the_weights_cannot_be_renamed(
    source: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_model(source)
    replace = os.replace

    def busy(old: Path, new: Path) -> None:
        if str(old).endswith(SUFFIX):
            raise PermissionError(13, "in use")
        replace(old, new)

    monkeypatch.setattr("napari_pmrnet.models.user_models.os.replace", busy)
    with pytest.raises(DataError, match="in use"):
        rename_model("untrained", "other")
    assert available_models() == ["dsb18", "nuclei", "untrained"]
    assert load_model("untrained", "cpu").card == read_card(source)


def test_a_model_without_card_is_listed_and_can_be_deleted(
    source: Path, library: Path
) -> None:
    import_model(source)
    card_path(library / source.name).unlink()
    *_, broken = entries()
    assert broken.name == "untrained" and "has no model card" in broken.fault
    assert summary(broken)["score"] == "faulty"
    with pytest.raises(PMRNetError, match="has no model card"):
        rename_model("untrained", "other")
    delete_model("untrained")
    assert all(entry.shipped for entry in entries())


def test_the_card_is_written_with_its_own_name(source: Path, library: Path) -> None:
    import_model(source, "a")
    rename_model("a", "b")
    assert json.loads((library / "b.json").read_text())["name"] == "b"
    assert sorted(path.name for path in library.iterdir()) == ["b.json", f"b{SUFFIX}"]
