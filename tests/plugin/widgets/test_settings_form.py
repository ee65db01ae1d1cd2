"""The form is the dataclass: its names, bounds, defaults and help, nothing else."""

from __future__ import annotations

from dataclasses import fields

import pytest
from npe2 import PluginManifest
from npe2.manifest.contributions import ContributionPoints

import napari_pmrnet
from napari_pmrnet.plugin.widgets import preferences
from napari_pmrnet.plugin.widgets.fields import ChoiceField
from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.settings import Settings


@pytest.fixture
def form(qtbot):
    form = SettingsForm()
    for field in form.fields.values():
        qtbot.addWidget(field)
    return form


def test_every_setting_has_a_field(form):
    assert set(form.fields) == {spec.name for spec in fields(Settings)}
    for spec in fields(Settings):
        assert spec.metadata["help"] in form.fields[spec.name].toolTip()
        assert form.labels[spec.name] == spec.metadata["label"]


def test_defaults_and_round_trip(form):
    assert form.settings() == Settings()
    other = Settings("my.safetensors", "cuda:1", 2, 14.5, 0.35, 0.7, 55, True, True)
    form.set_settings(other)
    assert form.settings() == other


def test_arrows_and_slider_stay_within_bounds(form):
    number = form.fields["probability_threshold"]
    number.spin.stepBy(100)
    assert number.value() == 0.95
    number.slider.setValue(-5)
    assert number.value() == 0.05
    number.slider.setValue(7)
    assert number.value() == 0.35
    area = form.fields["min_area"]
    assert area.value() is None
    area.spin.stepBy(1)
    assert area.value() == 20 and isinstance(area.value(), int)
    area.set_value(0)
    assert area.value() == 0 and form.settings().min_area == 0
    area.spin.stepBy(-1)
    assert area.value() is None


def test_a_number_that_may_be_left_open(form):
    diameter = form.fields["diameter"]
    assert diameter.value() is None and diameter.spin.text() == "Automatic"
    diameter.spin.stepBy(1)
    assert diameter.value() == 20 and form.settings().diameter == 20
    diameter.spin.setValue(2.5)
    diameter.spin.stepBy(-1)
    assert diameter.value() is None
    diameter.spin.setValue(1)
    assert form.settings() is None and "between" in diameter.reason.text()


def test_changed_names_the_field(form, qtbot):
    with qtbot.waitSignal(form.changed) as caught:
        form.fields["exclude_border"].set_value(True)
    assert caught.args == ["exclude_border"]


def test_a_choice_that_is_gone_falls_back(qtbot):
    field = ChoiceField([("auto", "Automatic")])
    qtbot.addWidget(field)
    field.set_value("cuda:3")
    assert field.value() == "cuda:3"
    with qtbot.waitSignal(field.changed):
        field.set_choices([("auto", "Automatic"), ("cpu", "CPU")])
    assert field.value() == "auto"


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
