"""Settings that outlive a session."""

from dataclasses import fields

import pytest
from npe2 import PluginManifest
from npe2.manifest.contributions import ContributionPoints

import napari_pmrnet
from napari_pmrnet.models.library import RENAMED
from napari_pmrnet.plugin.widgets import preferences
from napari_pmrnet.settings import Settings


def test_settings_are_remembered(manifest):
    settings = Settings(channel=1, seed_threshold=0.55, probability_threshold=0.35)
    preferences.remember(settings)
    recalled = preferences.recall()
    assert recalled.seed_threshold == 0.55
    assert recalled.probability_threshold == 0.35
    assert recalled.channel is None


def test_settings_are_remembered_without_napari_preferences(
    qapp, monkeypatch, tmp_path
):
    from qtpy.QtCore import QSettings

    path = str(tmp_path / "settings.ini")
    monkeypatch.setattr(preferences, "_preferences", lambda: None)
    monkeypatch.setattr(
        preferences, "QSettings", lambda *_: QSettings(path, QSettings.Format.IniFormat)
    )
    settings = Settings(device="cpu", exclude_border=True, seed_threshold=0.3)
    preferences.remember(settings)
    assert preferences.recall() == settings
    QSettings(path, QSettings.Format.IniFormat).setValue("seed_threshold", "many")
    assert preferences.recall().seed_threshold == Settings().seed_threshold


def test_a_former_name_of_a_model_is_followed(manifest, monkeypatch):
    monkeypatch.setitem(RENAMED, "cells 1.0", "nuclei")
    preferences.remember(Settings(model="cells 1.0"))
    assert preferences.recall().model == "nuclei"


def test_the_dock_remembers(open_dock, manifest, qtbot):
    viewer, dock = open_dock()
    dock.form.fields["seed_threshold"].set_value(0.75)
    viewer.window.remove_dock_widget(dock)
    assert preferences.recall().seed_threshold == 0.75


@pytest.mark.skipif(
    "configurations" not in ContributionPoints.__annotations__,
    reason="npe2 before 0.10 knows no preferences of this kind",
)
def test_preferences_of_the_manifest_are_the_dataclass():
    package = napari_pmrnet.__path__[0]
    manifest = PluginManifest.from_file(f"{package}/napari.yaml")
    properties = manifest.contributions.configurations["segmentation"].properties
    assert tuple(properties) == preferences.REMEMBERED
    for spec in fields(Settings):
        if spec.name in preferences.OF_THE_IMAGE:
            continue
        known = properties[spec.name]
        assert known.title == spec.metadata["label"]
        assert known.description == spec.metadata["help"]
        assert known.default == spec.default
        assert known.minimum == spec.metadata.get("min")
        assert known.maximum == spec.metadata.get("max")
